"""Functions for programs that fork: run code in a child, and check the outcome there."""

import textwrap

FORK_FUNCTIONS = """
import concurrent.futures, traceback
from asynchttp import LostInForkError

CHILD_PATIENCE = 10  # a child does not inherit the alarm

def fork_child(work):
    '''Run `work` in a child that ends like a program.'''
    pid = os.fork()
    if not pid:
        signal.alarm(CHILD_PATIENCE)
        work()
        sys.exit()
    return pid

def fork_child_from_thread(work):
    '''Like fork_child(), for threads other than the main thread.'''
    pid = os.fork()
    if not pid:
        signal.alarm(CHILD_PATIENCE)
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid

def join_child(pid):
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, code
    signal.alarm(2 * CHILD_PATIENCE)  # for each child anew

def check_request(url, client=None):
    assert (client or http).request(url).response.status == 200

def assert_lost(promise):
    assert promise.done()
    for look in (promise.result, lambda: promise.response.status, lambda: len(promise.content)):
        try:
            look()
        except LostInForkError as error:
            assert str(promise.request) in str(error)
        else:
            raise AssertionError("not lost")
"""


def with_fork_functions(source: str) -> str:
    """The program `source`, preceded by functions that fork, and that check the child."""
    return FORK_FUNCTIONS + textwrap.dedent(source)
