/* Engines: what the queue, the loop and the tickets ask of the part that makes transfers.
 *
 *     transfer.c  libcurl's engine, and what is below: handle.c, multi.c, origins.c, resolver.c
 *     scripted.c  no bytes move: whoever takes the NEEDS_ANSWER events answers
 *
 * An account has one engine from its birth on. The functions are called on the core's thread alone, with
 * no lock held. An engine reports back by `queue_tell_ended`, once for each start that was not aborted,
 * after the outcome has been filled in; and by events, through `core_tell`.
 *
 * What belongs to no account is not here: sockets, timers and the messages of libcurl are sources of the
 * loop, which knows these by name (state.h).
 */
#ifndef ASYNCHTTP_ENGINE_H
#define ASYNCHTTP_ENGINE_H

#include "core.h"

typedef struct {
    /* Begin the transfer of a ticket that has a slot. The end may come before this returns. */
    void (*start)(Ticket *ticket);
    /* Stop the transfer that was started last, if that goes on; no end is reported. */
    void (*abort)(Ticket *ticket);
    /* Others have brought what an event asked for: POST_PIECE, POST_MEMORY or POST_ANSWER. The transfer
     * may have ended meanwhile, and another may have begun. */
    void (*resume)(Ticket *ticket, unsigned what);
    /* Close the connections when no transfer uses them, then call `account_tell_closed`. */
    void (*close)(Account *account);
    /* Free what the engine keeps for the account, which has no tickets any more. */
    void (*dispose)(Account *account);
} Engine;

extern const Engine libcurl_engine, scripted_engine;

#endif
