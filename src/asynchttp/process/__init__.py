"""The process: program end, forks and threads. No other package handles these.

lifetime.py  the end of the program, and forks
threads.py   OwnThread, and how threads wait
"""
