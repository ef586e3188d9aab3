/* Engines: an engine makes the transfers of an account, for the queue, the loop and the tickets.
 *
 *     transfer.c  libcurl's engine, which uses handle.c, multi.c, origins.c and resolver.c
 *     scripted.c  no bytes move: the takers of NEEDS_ANSWER events answer
 *
 * An account has the same engine all its life. Only the core's thread calls the functions, with no lock
 * held. An engine reports the end of a transfer by `queue_tell_ended`, once for each start that was not
 * aborted, after the outcome has been filled in. Other reports are events, through `core_tell`.
 *
 * An engine serves accounts only. Sockets, timers and libcurl's messages belong to no account: the loop
 * calls their functions directly (state.h).
 */
#ifndef ASYNCHTTP_ENGINE_H
#define ASYNCHTTP_ENGINE_H

#include "core.h"

typedef struct {
    /* Begin the transfer of a ticket that has a slot. The transfer may end before `start` returns. */
    void (*start)(Ticket *ticket);
    /* Stop the transfer of the ticket, if a transfer is under way; no end is reported. */
    void (*abort)(Ticket *ticket);
    /* Continue a transfer after the taker of an event has answered: INBOX_PIECE, INBOX_MEMORY or INBOX_ANSWER.
     * The transfer may have ended meanwhile, and the next transfer may have begun. */
    void (*resume)(Ticket *ticket, unsigned what);
    /* Close the connections when no transfer uses them, then call `account_tell_closed`. */
    void (*close)(Account *account);
    /* Free the engine's objects of the account, which has no tickets any more. */
    void (*dispose)(Account *account);
} Engine;

/* Constants. */
extern const Engine libcurl_engine, scripted_engine;

#endif
