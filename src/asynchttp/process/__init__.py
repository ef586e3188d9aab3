"""The process: its end, its forks and its threads. Nothing else knows about these.

lifetime.py  what happens at the end of the program, and at a fork
threads.py   OwnThread, and how threads wait
"""
