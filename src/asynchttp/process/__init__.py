"""The process: program end, forks and threads. No other package handles these.

lifetime.py  the end of the program, and forks
native.py    real threads and locks, also under gevent and eventlet
threads.py   OwnThread, and how threads wait
"""
