"""The fault matrix: each fault of a server, met by each kind of request, and what has to happen.

    python -m tests.faults      all cells, printed as a table, and all loads: `make torture`
    tests/test_faults.py        some cells of each fault, and small loads, in CI

    rows/           the faults, a row each, and what each row demands: the table
    table           the rows together, and their cells
    known           the cells in which asynchttp does not yet do what the table demands
    fault           what a row consists of
    wanted          what a cell demands, and the rules that give a row's demands by kind of request
    kinds           the kinds of request
    server          a server with a single fault
    steps, http2    what a faulty server does, in HTTP/1.1 and in HTTP/2
    play            one cell, from the server's start to the Http's close
    report          the matrix as text
    load, echo      many requests, threads, cancels, and faults at once, and a server for these
    measure         threads, descriptors and memory of this process

Rule: RFC 9110, 9112 and 9113 say what a row demands, and docs/ where the RFCs leave a choice; never
what asynchttp happens to do.
"""
