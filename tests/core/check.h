/* CHECK, for test programs of the core: plain programs that end with status 1 at the first failed
 * check.
 */
#ifndef ASYNCHTTP_CHECK_H
#define ASYNCHTTP_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(expression)                                                                \
    do {                                                                                 \
        if (!(expression)) {                                                             \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #expression);   \
            exit(1);                                                                     \
        }                                                                                \
    } while (0)

#endif
