"""`os.fork`: parent and child go on, even with TLS and with transfers in flight. In the child,
pending promises fail at once. The child, its end included, does not disturb the parent.
"""

import textwrap
from pathlib import Path

import pytest

from tests.conftest import RawServerFactory
from tests.forking import with_fork_functions
from tests.programs import STRICT_OPTIONS, Program, ProgramResult, python_command, run_python
from tests.servers.certificates import Authority
from tests.servers.raw import OK, read_head, read_until_closed, send
from tests.servers.web import WebServer

# Parent and child go on


def test_idle_connection_of_parent_survives_end_of_child(
    any_server: WebServer, authority: Authority
) -> None:
    program = """
        url, authority = sys.argv[1:]
        http = Http(ca_certs=authority)
        check_request(url)
        join_child(fork_child(lambda: [check_request(url) for _ in range(3)]))
        join_child(fork_child(lambda: http.close()))
        join_child(fork_child(lambda: None))
        check_request(url)
    """
    assert (
        run_python(with_fork_functions(program), any_server.url(), authority.pem).assert_clean()
        == []
    )
    ports = [received.port for received in any_server.received]
    parent, child = ports[0], ports[1]
    assert ports == [parent, child, child, child, parent]
    assert child != parent


def test_fork_loses_transfer_in_child_only(any_server: WebServer, authority: Authority) -> None:
    held = any_server.hold_answers()
    program = """
        url, held_url, authority = sys.argv[1:]
        http = Http(ca_certs=authority)
        promise = http.request(held_url)
        sys.stdin.readline()
        join_child(fork_child(lambda: (assert_lost(promise), check_request(url), http.close())))
        print_line("child ended")
        assert promise.content == b"label"
    """
    url = held.url("label", sent=2)
    with Program(
        python_command(with_fork_functions(program), any_server.url(), url, authority.pem)
    ) as running:
        held.arrived.wait_for(1)
        running.write_stdin("go on\n")
        assert running.read_line() == "child ended"
        held.answer_all()
        running.wait_for_end().assert_clean()
    assert not held.aborted
    assert len(any_server.received) == 2


def test_fork_loses_queue_in_child_only(server: WebServer) -> None:
    held = server.hold_answers()
    program = """
        url, held_url = sys.argv[1:]
        http = Http(max_workers=2)
        call_back = lambda promise: print_line("called")
        queue = [http.request(held_url, callback=call_back) for _ in range(10)]

        def child():
            for promise in queue:
                assert_lost(promise)
            check_request(url)

        join_child(fork_child(child))
        print_line("child ended")
    """
    with Program(python_command(with_fork_functions(program), server.url(), held.url())) as running:
        assert running.read_line() == "child ended"
        held.answer_all()
        assert running.wait_for_end().assert_clean() == ["called"] * 10
    assert len(held.arrived) == 10


WAITING = {
    "wait": "assert concurrent.futures.wait([promise], timeout=0).done == {promise}",
    "wait begun before fork": """
        assert not concurrent.futures.wait([promise], timeout=0).done
        FORK
        assert concurrent.futures.wait([promise], timeout=0).done == {promise}
    """,
    "wait in other thread": """
        pool = concurrent.futures.ThreadPoolExecutor(1)
        pool.submit(concurrent.futures.wait, [promise])
        while not promise._condition or not promise._waiters:
            pass
        event = promise._waiters[0].event
        while not event._cond._waiters:
            pass
        with event._cond:  # asleep: a lock held now would be held for ever in the child
            pass
        FORK
        assert concurrent.futures.wait([promise], timeout=0).done == {promise}
    """,
    "as_completed": "assert list(concurrent.futures.as_completed([promise])) == [promise]",
    "as_completed begun before fork": """
        both = concurrent.futures.as_completed([promise, http.request(url)])
        next(both)
        FORK
        assert next(both) is promise
    """,
    "add_done_callback": """
        called = []
        promise.add_done_callback(called.append)
        FORK
        assert called == [promise]
    """,
    "then": """
        follows = promise.then(lambda response, content: response.status)
        FORK
        assert isinstance(follows.exception(10), LostInForkError)
    """,
    "await": """
        import asyncio
        async def wait():
            asyncio.get_running_loop().slow_callback_duration = 60  # the machine may be busy
            await promise
        FORK
        try:
            asyncio.run(wait())
        except LostInForkError:
            pass
    """,
}


@pytest.mark.parametrize("waiting", WAITING.values(), ids=WAITING)
def test_waiters_of_lost_promise_are_woken(waiting: str, server: WebServer) -> None:
    held = server.hold_answers()
    before, _, after = textwrap.dedent(waiting).rpartition("FORK")
    program = f"""
url, held_url = sys.argv[1:]
http = Http()
promise = http.request(held_url)
{before}
pid = os.fork()
if not pid:
    signal.alarm(CHILD_PATIENCE)
{textwrap.indent(after, "    ")}
    assert_lost(promise)
    sys.exit()
join_child(pid)
promise.cancel()
"""
    assert run_python(with_fork_functions(program), server.url(), held.url()).assert_clean() == []


def test_lost_waiting_threads_do_not_disturb_new_threads(server: WebServer) -> None:
    held = server.hold_answers()
    program = """
        from asynchttp.promise.future import LeanFuture

        http = Http()
        first, second = (http.request(sys.argv[1]) for _ in range(2))
        follows = second.then(lambda response, content: None)
        parent, goes_on = os.getpid(), threading.Event()

        def fill(depth):
            return sorted([fill(depth - 1)], key=repr) if depth else goes_on.wait()

        def call_back(_):
            if os.getpid() != parent:
                for _ in range(12):
                    threading.Thread(target=fill, args=[60]).start()

        first.add_done_callback(call_back)
        for each in (second, follows) * 3:
            threading.Thread(target=each.wait, daemon=True).start()
        wait = LeanFuture._wait_once.__code__
        while sum(frame.f_code is wait for frame in sys._current_frames().values()) < 6:
            time.sleep(0)  # the beginning of a wait sets no event

        def child():
            assert_lost(first)
            assert_lost(second)
            assert isinstance(follows.exception(5), LostInForkError)
            goes_on.set()

        join_child(fork_child(child))
        http.close(cancel_futures=True)
    """
    assert run_python(with_fork_functions(program), held.url()).assert_clean() == []


def test_done_callback_of_lost_promise_may_use_http(server: WebServer) -> None:
    held = server.hold_answers()
    program = """
        url, held_url = sys.argv[1:]
        parent, called = os.getpid(), []

        def call_back(promise):
            if os.getpid() != parent:
                check_request(url)
                http.close()
                called.append(promise)

        http = Http()
        promise = http.request(held_url)
        promise.add_done_callback(call_back)
        pid = os.fork()
        if not pid:
            signal.alarm(CHILD_PATIENCE)
            assert called == [promise]
            sys.exit()
        join_child(pid)
        promise.cancel()
    """
    assert run_python(with_fork_functions(program), server.url(), held.url()).assert_clean() == []


def test_child_does_not_close_reused_descriptors(server: WebServer) -> None:
    program = """
        http = Http()
        check_request(sys.argv[1])
        http.close()
        files = [open(os.devnull) for _ in range(20)]  # with the numbers of closed descriptors

        def child():
            for file in files:
                os.fstat(file.fileno())
                file.close()
            check_request(sys.argv[1])

        join_child(fork_child(child))
        for file in files:
            file.close()
    """
    assert run_python(with_fork_functions(program), server.url()).assert_clean() == []


def test_child_of_fork_may_fork_again(tls_h1_server: WebServer, authority: Authority) -> None:
    program = """
        url, authority = sys.argv[1:]
        http = Http(ca_certs=authority)

        def generation(left):
            check_request(url)
            if left:
                join_child(fork_child(lambda: generation(left - 1)))
            check_request(url)

        generation(3)
    """
    assert (
        run_python(with_fork_functions(program), tls_h1_server.url(), authority.pem).assert_clean()
        == []
    )
    ports = [received.port for received in tls_h1_server.received]
    assert len(ports) == 8
    assert ports[:4] == ports[:3:-1]
    assert len(set(ports)) == 4


# Places of a fork


def test_fork_while_callback_runs_loses_its_promise(server: WebServer) -> None:
    program = """
        http = Http()
        runs, goes_on = threading.Event(), threading.Event()

        def call_back(promise):
            runs.set()
            goes_on.wait()
            promise.response.seen = True

        promise = http.request(sys.argv[1], callback=call_back)
        runs.wait()
        join_child(fork_child(lambda: (assert_lost(promise), check_request(sys.argv[1]))))
        goes_on.set()
        assert promise.response.seen
    """
    assert run_python(with_fork_functions(program), server.url()).assert_clean() == []


def test_fork_in_callback_works_on_both_sides(server: WebServer) -> None:
    program = """
        url = sys.argv[1]
        http = Http(max_workers=1)

        def child(promise):
            assert promise.response.status == outer.response.status == 200
            check_request(url)
            called = []
            http.request(url, callback=called.append).result()
            assert called
            http.close()

        def call_back(promise):
            there.wait()
            join_child(fork_child_from_thread(lambda: child(promise)))
            check_request(url)

        there = threading.Event()
        outer = http.request(url, callback=call_back)
        there.set()
        assert outer.response.status == 200
        check_request(url)
    """
    assert run_python(with_fork_functions(program), server.url()).assert_clean() == []


def test_fork_in_done_callback_works_on_both_sides(server: WebServer) -> None:
    program = """
        url = sys.argv[1]
        http = Http(max_workers=1)
        over = threading.Event()
        def call_back(promise):
            join_child(fork_child_from_thread(lambda: check_request(url)))
            over.set()
        http.request(url).add_done_callback(call_back)
        over.wait()
        check_request(url)
    """
    assert run_python(with_fork_functions(program), server.url()).assert_clean() == []


def test_fork_in_signal_handler_loses_awaited_promise(server: WebServer) -> None:
    held = server.hold_answers()
    program = """
        http = Http()
        promise = http.request(sys.argv[1])
        pids = []

        def fork(*_):
            pids.append(os.fork())
            signal.alarm(CHILD_PATIENCE)

        signal.signal(signal.SIGUSR1, fork)
        send_signal = lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        threading.Timer(0.2, send_signal).start()
        try:
            print_line(promise.response.status)
        except LostInForkError:
            print_line("lost")
        if pids[0]:
            join_child(pids[0])
    """
    with Program(python_command(with_fork_functions(program), held.url())) as running:
        assert running.read_line() == "lost"
        held.answer_all()
        assert running.wait_for_end().assert_clean() == ["200"]


def test_forks_in_many_threads_during_requests_work(
    server: WebServer, tls_h1_server: WebServer, authority: Authority
) -> None:
    program = """
        urls, authority = sys.argv[1:3], sys.argv[3]
        http, other = Http(ca_certs=authority), Http(ca_certs=authority)
        over = threading.Event()

        def ask(number):
            mine, url = (http, other)[number % 2], urls[number // 2 % 2]
            done = 0
            while not over.is_set():
                promise = mine.request(url, callback=lambda promise: promise.response)
                assert promise.response.status == 200
                check_request(url, Http(ca_certs=authority))
                done += 1
            return done

        def fork_some(count):
            for number in range(count):
                mine = (http, other)[number % 2]
                work = lambda: [check_request(url, mine) for url in urls]
                join_child(fork_child_from_thread(work))

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            asking = [pool.submit(ask, number) for number in range(8)]
            forking = [pool.submit(fork_some, count) for count in (13, 13, 12, 12)]
            try:
                for each in forking:
                    each.result()
            finally:
                over.set()
            assert all(each.result() > 0 for each in asking)
    """
    urls = server.url(), tls_h1_server.url()
    assert run_python(with_fork_functions(program), *urls, authority.pem).assert_clean() == []


# After a fork


def test_forks_leave_no_descriptor_in_parent(
    tls_h1_server: WebServer, authority: Authority
) -> None:
    program = """
        url, authority = sys.argv[1:]
        http = Http(ca_certs=authority)
        check_request(url)
        join_child(fork_child(lambda: check_request(url)))
        before = sorted(os.listdir("/proc/self/fd"))
        for _ in range(10):
            join_child(fork_child(lambda: check_request(url)))
        assert sorted(os.listdir("/proc/self/fd")) == before
    """
    assert (
        run_python(with_fork_functions(program), tls_h1_server.url(), authority.pem).assert_clean()
        == []
    )


LIVING_CHILD = """
url, promise_url = sys.argv[1:]
http = Http()
promise = http.request(promise_url)
sys.stdin.readline()
reader, writer = os.pipe()
pid = os.fork()
if not pid:
    signal.alarm(CHILD_PATIENCE)
    os.close(writer)
    os.read(reader, 1)  # until the parent ends
    sys.exit()
"""


def test_parent_closes_connection_despite_living_child(
    server: WebServer, raw_server: RawServerFactory
) -> None:
    scripted = raw_server([read_head, read_until_closed])
    program = LIVING_CHILD + "promise.cancel(); scripted = sys.stdin.readline()"
    with Program(
        python_command(with_fork_functions(program), server.url(), scripted.url())
    ) as running:
        scripted.heads.wait_for(1)
        running.write_stdin("go on\n")
        scripted.closed.wait_for(1)
        running.write_stdin("end\n")
        running.wait_for_end().assert_clean()


def test_late_answer_on_cancelled_connection_keeps_parent_idle(
    server: WebServer, raw_server: RawServerFactory
) -> None:
    scripted = raw_server(
        [read_head, lambda connection: connection.server.closing.wait(0.2), send(OK)]
    )
    program = LIVING_CHILD + textwrap.dedent("""
        import time
        promise.cancel()
        check_request(url)
        began = time.process_time()
        check_request(url.replace("echo", "slow?head=1"))
        busy = time.process_time() - began
        assert busy < 0.5, busy
    """)
    with Program(
        python_command(with_fork_functions(program), server.url(), scripted.url())
    ) as running:
        scripted.heads.wait_for(1)
        running.write_stdin("go on\n")
        running.wait_for_end().assert_clean()


# multiprocessing

POOL_PROGRAM = """
import multiprocessing, sys
from asynchttp import Http

def fetch(url):
    response, content = http.request(url)
    return response.status, len(content)

http = Http()

if __name__ == "__main__":
    method, url = sys.argv[1:]
    assert fetch(url + "0") == (200, 0)
    pending = http.request(url + "1000000")
    with multiprocessing.get_context(method).Pool(3) as pool:
        assert pool.map(fetch, [url + str(n) for n in range(20)]) == [(200, n) for n in range(20)]
        pool.close()
        pool.join()
    assert len(pending.content) == 1000000
    process = multiprocessing.get_context(method).Process(target=fetch, args=[url + "7"])
    process.start()
    process.join()
    assert process.exitcode == 0
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_requests_work_in_multiprocessing_pools(
    method: str, server: WebServer, tmp_path: Path
) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL_PROGRAM)
    command = [
        *python_command("")[: 1 + len(STRICT_OPTIONS)],
        str(script),
        method,
        server.url("/bytes/"),
    ]
    with Program(command) as program:
        assert program.wait_for_end() == ProgramResult(0, [], "")


def test_multiprocessing_process_finishes_its_queue(server: WebServer) -> None:
    program = """
        import multiprocessing
        http = Http(max_workers=1)
        def queue():
            for _ in range(5):
                http.request(sys.argv[1], callback=lambda promise: print_line("called"))
        process = multiprocessing.get_context("fork").Process(target=queue)
        process.start()
        process.join()
    """
    assert run_python(program, server.url()).assert_clean() == ["called"] * 5
