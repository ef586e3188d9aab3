"""The end of a program: queued requests are finished first, as with `concurrent.futures`, unless an
unhandled exception or Ctrl-C ends the program. Idle threads do not keep a program alive.

The server runs in the test's process, and its record proves the requests of the separate programs.
"""

import signal
import sys
import textwrap
from pathlib import Path

import pytest

from asynchttp import Http
from tests.programs import STRICT_OPTIONS, Program, ProgramResult, python_command, run_python
from tests.servers.app import HeldAnswers
from tests.servers.certificates import Authority
from tests.servers.web import WebServer

NO_THREAD_MESSAGE = "can't create new thread at interpreter shutdown"


def run_to_end_of_main(source: str, *arguments: object) -> Program:
    """Run `source` until the main thread has nothing left to do."""
    last = 'print_line("main ends")'
    program = Program(python_command(textwrap.dedent(source) + last, *arguments))
    assert program.read_line() == "main ends"
    return program


# Without pending requests


def test_idle_http_keeps_no_process_alive(server: WebServer) -> None:
    program = """
        http = Http()
        http.request(sys.argv[1]).result()
        http.request(sys.argv[1], callback=lambda promise: print_line("called")).result()
    """
    assert run_python(program, server.url()).assert_clean() == ["called"]


def test_unused_http_keeps_no_process_alive() -> None:
    assert run_python("http = Http()").assert_clean() == []


# Queued requests are finished first

QUEUES = [
    pytest.param(
        0,
        """
        http = Http(max_workers=2)
        for number in range(6):
            http.request(f"{url}{number}")
        """,
        id="plain",
    ),
    pytest.param(
        0,
        """
        for number in range(6):
            Http().request(f"{url}{number}")
        """,
        id="in an Http already dropped",
    ),
    pytest.param(
        0,
        """
        http = Http(max_workers=2)
        for number in range(6):
            http.request(f"{origin}/status/307?Location={url}{number}")
        """,
        id="redirected",
    ),
    pytest.param(
        0,
        """
        http = Http(max_workers=2)
        for number in range(6):
            http.request(f"{url}{number}".replace("127.0.0.1", ("127.1", "127.0.1")[number % 2]))
        """,
        id="to hosts with lookup",
    ),
    pytest.param(
        0,
        """
        import tempfile
        http = Http(max_workers=2)
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(3 << 20))
            for number in range(6):
                file.seek(0)
                http.request(f"{url}{number}", "PUT", file.file)
        """,
        id="from a file",
    ),
    pytest.param(
        6,
        """
        http = Http(max_workers=2)
        for number in range(6):
            http.request(f"{url}{number}", callback=lambda promise: print_line("called"))
        """,
        id="with callbacks",
    ),
    pytest.param(
        3,
        """
        http = Http(max_workers=2)
        for number in range(3):
            http.request(f"{url}{number}", callback=lambda promise, number=number:
                http.request(f"{url}{number + 3}", callback=lambda promise: print_line("called")))
        """,
        id="by callbacks",
    ),
    pytest.param(
        3,
        """
        http = Http(max_workers=2)
        def call_back(promise, number):
            http.request(f"{url}{number + 3}").result()
            print_line("called")
        for number in range(3):
            http.request(f"{url}{number}", callback=lambda p, n=number: call_back(p, n))
        """,
        id="by waiting callbacks",
    ),
    pytest.param(
        6,
        """
        http = Http(max_workers=1)
        def call_back(promise, number):
            if number < 5:
                following = lambda promise: call_back(promise, number + 1)
                http.request(f"{url}{number + 1}", callback=following).result()
            print_line("called")
        http.request(f"{url}0", callback=lambda promise: call_back(promise, 0))
        """,
        id="by callbacks waiting for callbacks",
    ),
    pytest.param(
        6,
        """
        http = Http(max_workers=1)
        def call_back(promise, number):
            if number < 5:
                following = lambda promise: call_back(promise, number + 1)
                http.request(f"{url}{number + 1}", callback=following)
            print_line("called")
        http.request(f"{url}0", callback=lambda promise: call_back(promise, 0))
        """,
        id="by callbacks of callbacks",
    ),
    pytest.param(
        6,
        """
        one, other = Http(), Http()
        other.request(f"{origin}/echo").result()
        def ask(mine, its, number):
            mine.request(f"{url}{number}", callback=lambda promise: call_back(mine, its, number))
        def call_back(mine, its, number):
            print_line("called")
            if number < 5:
                ask(its, mine, number + 1)
        ask(one, other, 0)
        """,
        id="by callbacks of each other",
    ),
    pytest.param(
        0,
        """
        http = Http(max_workers=2)
        for number in range(3):
            http.request(f"{url}{number}").then(lambda response, content, number=number:
                http.request(f"{url}{number + 3}"))
        """,
        id="by then",
    ),
    pytest.param(
        0,
        """
        http = Http(max_workers=2)
        for number in range(3):
            http.request(f"{url}{number}").add_done_callback(lambda future, number=number:
                http.request(f"{url}{number + 3}"))
        """,
        id="by done-callbacks",
    ),
    pytest.param(
        1,
        """
        http = Http(max_workers=2)
        http.request(f"{url}0", callback=lambda promise: (print_line("called"), http.close()))
        for number in range(1, 6):
            http.request(f"{url}{number}")
        """,
        id="after a closing callback",
    ),
]


@pytest.mark.parametrize(("called", "queue"), QUEUES)
def test_queued_requests_are_finished_before_exit(
    called: int, queue: str, server: WebServer
) -> None:
    held = server.hold_answers()
    source = "origin, url = sys.argv[1:]\n" + textwrap.dedent(queue)
    with run_to_end_of_main(source, server.url(""), held.url()) as program:
        held.answer_all()
        assert program.wait_for_end().assert_clean() == ["called"] * called
    assert sorted(held.arrived) == list("012345")


def test_queued_tls_requests_are_finished_before_exit(
    tls_server: WebServer, authority: Authority
) -> None:
    program = """
        http = Http(ca_certs=sys.argv[2], max_workers=2)
        for number in range(6):
            http.request(f"{sys.argv[1]}?{number}", callback=lambda promise: print_line("called"))
    """
    assert run_python(program, tls_server.url(), authority.pem).assert_clean() == ["called"] * 6
    assert len(tls_server.received) == 6


REQUEST_AFTER_MAIN = """
    def ask():
        threading.main_thread().join()
        http.request(sys.argv[1], callback=lambda promise: print_line("called"))

    http = Http()
    http.request(sys.argv[1], callback=lambda promise: print_line("called")).result()
    threading.Thread(target=ask).start()
"""


def test_requests_after_end_of_main_thread_are_finished(server: WebServer) -> None:
    assert run_python(REQUEST_AFTER_MAIN, server.url()).assert_clean() == ["called"] * 2


WAYS_WITHOUT_HELP = {
    "event": "http.request(sys.argv[1], callback=lambda _: called.set())",
    "futures": """import concurrent.futures
    promise = http.request(sys.argv[1], callback=lambda _: None)
    if concurrent.futures.wait([promise], 10).done: called.set()""",
}


@pytest.mark.parametrize("way", WAYS_WITHOUT_HELP.values(), ids=WAYS_WITHOUT_HELP)
def test_first_request_after_end_of_main_thread_is_called_back(server: WebServer, way: str) -> None:
    """The thread waits in a way in which it cannot help: a worker has to be there."""
    program = f"""
def ask():
    threading.main_thread().join()
    called = threading.Event()
    {way}
    print_line(called.wait(10))

http = Http()
threading.Thread(target=ask).start()
"""
    assert run_python(program, server.url()).assert_clean() == ["True"]


HTTP_AFTER_MAIN = """
def ask():
    threading.main_thread().join()
    print_line(Http().request(sys.argv[1], callback=lambda _: print_line("called")).response.status)

threading.Thread(target=ask).start()
"""


def test_http_made_after_end_of_main_thread_works_or_warns(server: WebServer) -> None:
    code, out, err = run_python(HTTP_AFTER_MAIN, server.url())
    assert (code, out) == (0, ["called", "200"])
    starts_threads = not (3, 12) <= sys.version_info < (3, 12, 3)
    assert err == "" if starts_threads else "make the Http before the main thread ends" in err


def test_request_in_exit_handler_succeeds_or_raises(server: WebServer) -> None:
    """Some versions of Python start no threads in exit handlers."""
    program = """
        import atexit
        http = Http()
        http.request(sys.argv[1]).result()

        @atexit.register
        def leave():
            for _ in range(2):
                try:
                    print_line(http.request(sys.argv[1]).response.status)
                except RuntimeError as error:
                    print_line(error)
    """
    code, out, _ = run_python(program, server.url())
    assert code == 0
    assert out in (["200"] * 2, [NO_THREAD_MESSAGE] * 2)


HANDLER_REGISTERED_BEFORE_IMPORT = """
    import atexit, signal, sys

    @atexit.register
    def leave():
        try:
            for _ in range(2):
                print(http.request(sys.argv[1]).response.status)
        except RuntimeError as error:
            print(error)
        http.close()
        print("closed")

    from asynchttp import Http
    signal.alarm(20)
    http = Http(ca_certs=sys.argv[2])
"""


@pytest.mark.parametrize("kind", ["server", "tls_server"])
@pytest.mark.parametrize("is_used", [False, True])
def test_exit_handler_after_ours_may_request_and_close(
    kind: str, is_used: bool, authority: Authority, request: pytest.FixtureRequest
) -> None:
    """Exit handlers run in reverse order, so a handler from before the import runs last."""
    server: WebServer = request.getfixturevalue(kind)
    used = "http.request(sys.argv[1]).result()\n" if is_used else ""
    command = [
        sys.executable,
        *STRICT_OPTIONS,
        "-c",
        textwrap.dedent(HANDLER_REGISTERED_BEFORE_IMPORT) + used,
    ]
    with Program([*command, server.url(), str(authority.pem)]) as program:
        out = program.wait_for_end().assert_clean()
    answered = ["200", "200", "closed"]
    assert out in ([answered] if is_used else [answered, [NO_THREAD_MESSAGE, "closed"]])


def test_running_exit_handlers_early_finishes_queue(
    server: WebServer,
) -> None:
    """Afterwards, the program goes on."""
    program = """
        import atexit
        http = Http(max_workers=1)
        queued = [http.request(sys.argv[1]) for _ in range(20)]
        atexit._run_exitfuncs()
        print_line({promise.response.status for promise in queued})
    """
    assert run_python(program, server.url()).assert_clean() == ["{200}"]


@pytest.mark.xfail(
    (3, 12, 0) <= sys.version_info < (3, 12, 3),
    reason="these Pythons start no thread at exit; the daemon thread sometimes says so",
    strict=False,
)
def test_requesting_daemon_thread_keeps_no_process_alive() -> None:
    program = """
        def ask_for_ever():
            while True:
                http.request(sys.argv[1]).result()
                asked.release()

        http, asked = Http(), threading.Semaphore(0)
        for _ in range(4):
            threading.Thread(target=ask_for_ever, daemon=True).start()
        for _ in range(50):
            asked.acquire()
    """
    with WebServer() as own_server:  # a separate server, since the last requests may arrive late
        assert run_python(program, own_server.url()).assert_clean() == []


# Servers that never answer

SILENT_PROGRAM = """
    http = Http({options})
    for number in range(7):
        http.request(sys.argv[1] + str(number))
"""


def silent_program(held: HeldAnswers, options: str = "", before: str = "") -> Program:
    """A program whose main thread has ended, with seven requests at a silent server."""
    source = textwrap.dedent(before) + textwrap.dedent(SILENT_PROGRAM.format(options=options))
    program = run_to_end_of_main(source, held.url())
    held.arrived.wait_for(7)
    return program


def test_long_wait_at_exit_names_pending_requests(server: WebServer) -> None:
    held = server.hold_answers()
    before = """
        import asynchttp.process.lifetime
        import logging
        class Printing(logging.Handler):
            def emit(self, record):
                print_line(record.levelname + " " + record.getMessage())
        logging.getLogger("asynchttp").addHandler(Printing())
        asynchttp.process.lifetime.WARN_AFTER = 0.1
    """
    with silent_program(held, before=before) as program:
        line = program.read_line()
        held.answer_all()
        assert program.wait_for_end().assert_clean() == []  # a single line
    first = [f"GET {held.url(str(number))}" for number in range(5)]
    said = f"WARNING the program has ended, waiting for 7 requests: {', '.join(first)}, ..."
    assert line == said


def test_short_wait_at_exit_says_nothing(server: WebServer) -> None:
    held = server.hold_answers()
    with silent_program(held) as program:
        held.answer_all()
        assert program.wait_for_end().assert_clean() == []


def test_exit_timeout_ends_wait_at_exit(server: WebServer) -> None:
    held = server.hold_answers()
    with silent_program(held, "exit_timeout=0.2") as program:
        code, out, err = program.wait_for_end()
    assert (code, out) == (0, [])
    assert err.startswith(f"cancelled 7 requests: GET {held.url('0')}, ")
    assert err.endswith(", ..., after exit_timeout=0.2 seconds\n")
    assert held.aborted.wait_for(7)


def test_exit_timeout_of_an_http_leaves_other_https_time(server: WebServer) -> None:
    held, slow = server.hold_answers(), server.url("/slow?head=0.6")
    program = """
        import logging
        logging.disable()
        Http(exit_timeout=0.1).request(sys.argv[1])
        Http().request(sys.argv[2], callback=lambda promise: print_line(promise.response.status))
    """
    assert run_python(program, held.url(), slow).assert_clean() == ["200"]


def test_exit_timeout_does_not_wait_for_running_callback(server: WebServer) -> None:
    program = """
        import logging
        logging.disable()
        called = threading.Event()
        def call_back(promise):
            called.set()
            threading.Event().wait()

        http = Http(exit_timeout=0.1)
        http.request(sys.argv[1], callback=call_back)
        called.wait()
    """
    assert run_python(program, server.url()).assert_clean() == []


HANDLERS = {
    "exits": "lambda *_: sys.exit(3)",
    "sets a flag": "lambda *_: flags.append(1)",
    "default": "signal.SIG_DFL",
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_sigterm_ends_wait_at_exit(server: WebServer, handler: str) -> None:
    held = server.hold_answers()
    before = f"flags = []; signal.signal(signal.SIGTERM, {handler})"
    with silent_program(held, before=before) as program:
        program.send_signal(signal.SIGTERM)
        code, _, err = program.wait_for_end()
    assert (code, err) == (-signal.SIGTERM if "SIG_DFL" in handler else 0, "")
    held.aborted.wait_for(7)


def test_handler_of_sigterm_is_restored_after_wait(server: WebServer) -> None:
    program = """
        import atexit
        handler = lambda *_: print_line("handled")
        signal.signal(signal.SIGTERM, handler)
        Http().request(sys.argv[1])
        atexit._run_exitfuncs()
        assert signal.getsignal(signal.SIGTERM) is handler
    """
    assert run_python(program, server.url()).assert_clean() == []


@pytest.mark.parametrize("seconds", [-1, float("nan"), "5"])
def test_wrong_exit_timeout_is_named(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"exit_timeout: expected float of at least 0 \| None"):
        Http(exit_timeout=seconds)


# Ways to end


def test_sys_exit_finishes_queue_and_keeps_code(server: WebServer) -> None:
    program = """
        http = Http(max_workers=1)
        for _ in range(5):
            http.request(sys.argv[1])
        sys.exit(3)
    """
    assert run_python(program, server.url()) == ProgramResult(3, [], "")
    assert len(server.received) == 5


def test_exception_in_other_thread_keeps_the_queue(server: WebServer) -> None:
    program = """
        def fail():
            http.request(sys.argv[1])
            raise LookupError("in a thread")

        http = Http(max_workers=1)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        for _ in range(4):
            http.request(sys.argv[1])
    """
    code, _, err = run_python(program, server.url())
    assert (code, err.count("LookupError: in a thread")) == (0, 1)
    assert len(server.received) == 5


def test_caught_exception_keeps_the_queue(server: WebServer) -> None:
    program = """
        http = Http(max_workers=1)
        for _ in range(5):
            http.request(sys.argv[1])
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
    """
    assert run_python(program, server.url()).assert_clean() == []
    assert len(server.received) == 5


UNHANDLED_ERRORS = {
    "of main": "raise LookupError('unhandled')",
    "of a request": "Http().request('http://127.0.0.1:1/').response.status",
    "of Ctrl-C": "import signal; signal.raise_signal(signal.SIGINT)",
    "with a hook": "sys.excepthook = lambda *_: print_line('hook'); raise LookupError('unhandled')",
}


@pytest.mark.parametrize("failing", UNHANDLED_ERRORS.values(), ids=UNHANDLED_ERRORS)
def test_unhandled_exception_drops_the_queue(failing: str, server: WebServer) -> None:
    held = server.hold_answers()
    program = f"""
        http = Http(max_workers=2)
        queued = [http.request(sys.argv[1]) for _ in range(100)]
        callback = lambda promise: print_line("called")
        queued += [http.request(sys.argv[1], callback=callback) for _ in range(100)]
        sys.stdin.read()
        {failing}
    """
    with Program(python_command(program, held.url())) as running:
        held.arrived.wait_for(2)
        running.close_stdin()
        code, out, err = running.wait_for_end()
    assert code == (-signal.SIGINT if "SIGINT" in failing else 1)
    assert out == (["hook"] if "hook" in failing else [])
    assert err.count("Traceback") == ("hook" not in failing)
    held.aborted.wait_for(2)
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "waiting",
    [
        "promise.response.status",
        "len(promise.content)",
        "promise.result()",
        "promise.wait()",
        "http.close()",
        "import concurrent.futures as cf; signal_main_thread_repeatedly(); cf.wait([promise])",
    ],
)
def test_ctrl_c_ends_waiting_program(waiting: str, server: WebServer) -> None:
    held = server.hold_answers()
    program = f"""
        http = Http()
        promise = http.request(sys.argv[1])
        {waiting}
    """
    with Program(python_command(program, held.url())) as running:
        held.arrived.wait_for(1)
        running.send_signal(signal.SIGINT)
        code, _, err = running.wait_for_end()
    assert code == -signal.SIGINT
    assert err.rstrip().endswith("KeyboardInterrupt")
    held.aborted.wait_for(1)


def test_ctrl_c_at_exit_drops_the_queue(server: WebServer) -> None:
    held = server.hold_answers()
    program = """
        http = Http(max_workers=2)
        queued = [http.request(sys.argv[1]) for _ in range(100)]
    """
    with run_to_end_of_main(program, held.url()) as running:
        held.arrived.wait_for(2)
        running.send_signal(signal.SIGINT)
        code, _, err = running.wait_for_end()
    assert code != -signal.SIGALRM
    assert "KeyboardInterrupt" in err
    held.aborted.wait_for(2)
    assert len(server.received) == 2


EARLY_INTERRUPTS = {
    "in the shutdown hook": """
        from asynchttp.process import lifetime

        def interrupt(set_helper=lifetime.set_helper):
            lifetime.set_helper = set_helper
            signal.raise_signal(signal.SIGINT)

        lifetime.set_helper = interrupt
    """,
    "before the shutdown hook": """
        threading._register_atexit(lambda: signal.raise_signal(signal.SIGINT))
    """,
}


@pytest.mark.parametrize("sooner", EARLY_INTERRUPTS.values(), ids=EARLY_INTERRUPTS)
def test_ctrl_c_before_waiting_at_exit_drops_the_queue(server: WebServer, sooner: str) -> None:
    held = server.hold_answers()
    queue = """
        http = Http(max_workers=2)
        queued = [http.request(sys.argv[1]) for _ in range(100)]
        sys.stdin.read()
    """
    program = textwrap.dedent(sooner) + textwrap.dedent(queue)
    with Program(python_command(program, held.url())) as running:
        held.arrived.wait_for(2)
        running.close_stdin()
        code, _, err = running.wait_for_end()
    assert code != -signal.SIGALRM
    assert "KeyboardInterrupt" in err
    held.aborted.wait_for(2)
    assert len(server.received) == 2


def test_unhandled_exception_does_not_wait_for_callback(
    server: WebServer,
) -> None:
    program = """
        called = threading.Event()
        def call_back(promise):
            called.set()
            threading.Event().wait()

        http = Http()
        http.request(sys.argv[1], callback=call_back)
        called.wait()
        raise LookupError("unhandled")
    """
    assert run_python(program, server.url()).code == 1


def test_unhandled_exception_during_tls_does_not_crash(
    tls_server: WebServer, authority: Authority
) -> None:
    program = """
        http = Http(ca_certs=sys.argv[2])
        queued = [http.request(sys.argv[1]) for _ in range(300)]
        queued[20].response.status
        raise LookupError("unhandled")
    """
    for size in (10, 1_000, 100_000, 1_000_000):
        code, _, err = run_python(program, tls_server.url(f"/bytes/{size}"), authority.pem)
        assert (code, err.count("Traceback")) == (1, 1)


# Ways to start

QUEUE_PROGRAM = """\
import os, sys
from asynchttp import Http
http = Http(max_workers=1)
for _ in range(5):
    http.request(sys.argv[1], callback=lambda promise: os.write(1, b"called\\n"))
"""


def test_script_finishes_its_queue(server: WebServer, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(QUEUE_PROGRAM)
    with Program([sys.executable, *STRICT_OPTIONS, str(script), server.url()]) as program:
        assert program.wait_for_end().assert_clean() == ["called"] * 5


def test_module_finishes_its_queue(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queueing.py").write_text(QUEUE_PROGRAM)
    monkeypatch.chdir(tmp_path)
    with Program([sys.executable, *STRICT_OPTIONS, "-m", "queueing", server.url()]) as program:
        assert program.wait_for_end().assert_clean() == ["called"] * 5


def test_program_on_standard_input_finishes_its_queue(server: WebServer) -> None:
    with Program([sys.executable, *STRICT_OPTIONS, "-", server.url()]) as program:
        program.write_stdin(QUEUE_PROGRAM)
        program.close_stdin()
        assert program.wait_for_end().assert_clean() == ["called"] * 5


def test_interactive_session_finishes_queue_after_exception(
    server: WebServer,
) -> None:
    with Program(
        [sys.executable, *STRICT_OPTIONS, "-i", "-c", QUEUE_PROGRAM, server.url()]
    ) as program:
        program.write_stdin("raise LookupError\n" + f"http.request({server.url()!r})\n")
        program.close_stdin()
        code, out, err = program.wait_for_end()
    # Joined, since a prompt may stand before a line.
    assert (code, "".join(out).count("called")) == (0, 5)
    assert err.count("Traceback") == 1
    assert len(server.received) == 6


# Unseen failures

LOOKS = {
    "no look": ("pass", 1),
    "promise dropped": ("pass; del promise", 1),
    "pair unpacked only": ("response, content = promise", 1),
    "exception called": ("promise.exception()", 0),
    "look failed": ("try: promise.content[0]\nexcept OSError: pass", 0),
    "cancelled": ("promise.cancel() or promise.exception(); promise.wait()", 0),
}


@pytest.mark.parametrize(("look", "times"), LOOKS.values(), ids=LOOKS)
def test_unseen_failures_are_reported_at_exit(look: str, times: int, refused_url: str) -> None:
    program = "promise = Http().request(sys.argv[1])\n" + look
    code, _, err = run_python(program, refused_url)
    assert code == 0
    assert err.count("nobody looked") == err.count(f"GET {refused_url}, made here") == times


def test_log_records_are_written_before_exit(server: WebServer) -> None:
    program = """
        import logging
        class Slow(logging.StreamHandler):
            def emit(self, record):
                threading.Event().wait(0.01)
                super().emit(record)

        logging.basicConfig(level=logging.DEBUG, handlers=[Slow(sys.stdout)], format="%(message)s")
        http = Http()
        for _ in range(10):
            http.request(sys.argv[1])
    """
    lines = run_python(program, server.url()).assert_clean()
    assert sum("settled" in line for line in lines) == 10


REQUEST_IN_FINALIZER = """
    import sys
    from asynchttp import Http

    class Session:
        def __init__(self):
            self.url = sys.argv[1]
            self.http = Http(blocking=sys.argv[2] == "True")
            if sys.argv[3] == "used":
                response, _ = self.http.request(self.url)
                print(response.status)

        def __del__(self):
            print("last words", flush=True)
            try:
                response, _ = self.http.request(self.url)
                response.status
            except RuntimeError as error:
                print(error, flush=True)

    session = Session()
"""


@pytest.mark.parametrize("before", ["used", "unused"])
@pytest.mark.parametrize("blocking", [False, True])
def test_request_in_finalizer_after_exit_raises_error(
    blocking: bool, before: str, server: WebServer
) -> None:
    command = [sys.executable, *STRICT_OPTIONS, "-c", textwrap.dedent(REQUEST_IN_FINALIZER)]
    with Program([*command, server.url(), str(blocking), before]) as running:
        code, out, err = running.wait_for_end()
    assert (code, err) == (0, "")
    said = f"GET {server.url()}: asked for when the interpreter had ended"
    assert out == ["200"] * (before == "used") + ["last words", said]


def test_import_in_exit_handler_works(server: WebServer) -> None:
    program = """
        import atexit, sys

        @atexit.register
        def leave():
            from asynchttp import Http
            try:
                print(Http().request(sys.argv[1]).response.status)
            except RuntimeError as error:
                print(error)
    """
    command = [sys.executable, *STRICT_OPTIONS, "-c", textwrap.dedent(program), server.url()]
    with Program(command) as running:
        code, out, err = running.wait_for_end()
    assert (code, err) == (0, "")
    assert out in (["200"], [NO_THREAD_MESSAGE])
