# Chromium driven over its debugging pipe (messages of the DevTools protocol, JSON ended by a zero byte, on the descriptors 3
# and 4), with nothing but Python's standard library. Next: drive_page.py, which steps through a page with it.
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

KEY_CODES = {"ArrowRight": 39, "ArrowLeft": 37, "PageDown": 34, "PageUp": 33, "Home": 36, "End": 35, "Enter": 13, "Escape": 27, "Tab": 9}


def find_browser():
    return next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)


class Browser:
    """One headless browser with one page. Everything the page says that it should not is collected in `diagnostics`."""

    def __init__(self, width=1280, height=900):
        self.folder = tempfile.mkdtemp(prefix="look-page-")
        self.diagnostics, self.requests, self.waiting, self.number, self.session = [], [], b"", 0, None
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for pair in (os.pipe(), os.pipe()) for end in pair]
        their_in, self.out, self.inp, their_out = ends
        os.dup2(their_in, 3)
        os.dup2(their_out, 4)
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(
            [find_browser(), "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--force-device-scale-factor=1", f"--window-size={width},{height}", "--user-data-dir=" + self.folder, "about:blank"],
            pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        for end in (3, 4, their_in, their_out):
            os.close(end)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
        self.call("Page.addScriptToEvaluateOnNewDocument", source="""
            addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI));""")

    def close(self):
        if self.process.poll() is None:
            try:
                self.call("Browser.close")
                self.process.wait(10)
            except (OSError, RuntimeError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _receive(self, deadline):
        while b"\0" not in self.waiting:
            if not select.select([self.inp], [], [], max(0, deadline - time.monotonic()))[0]:
                raise RuntimeError("the browser does not answer")
            part = os.read(self.inp, 1 << 20)
            if not part:
                raise RuntimeError("the browser ended by itself: " + self._last_words())
            self.waiting += part
        message, self.waiting = self.waiting.split(b"\0", 1)
        return json.loads(message)

    def _last_words(self):
        with open(self.log.name, errors="replace") as log:
            return log.read()[-2000:]

    def _hear(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.diagnostics.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled":
            self.diagnostics.append(params["type"] + ": " + " ".join(str(a.get("value")) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.diagnostics.append(params["entry"]["text"])
        elif method == "Page.javascriptDialogOpening":
            self.diagnostics.append("a dialog: " + params["message"])
            self._send("Page.handleJavaScriptDialog", {"accept": False})

    def _send(self, method, params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data):]
        return self.number

    def call(self, method, seconds=120, **params):
        """The command's result; events that arrive meanwhile are heard."""
        number, deadline = self._send(method, params), time.monotonic() + seconds
        while True:
            message = self._receive(deadline)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self._hear(message)

    def run(self, script):
        """The value of a script in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"].get("exception", {}).get("description", "a script failed"))
        return result["result"].get("value")

    def open(self, path):
        """Loads a file and waits until its scripts have run."""
        self.diagnostics.clear()
        self.requests.clear()
        self.call("Page.navigate", url="file://" + os.path.abspath(path))
        deadline = time.monotonic() + 60
        while self.run("document.readyState + location.protocol") != "completefile:":
            if time.monotonic() > deadline:
                raise RuntimeError(path + " does not load")
            time.sleep(0.02)

    def press(self, key, shift=False):
        """A real key: down, and up."""
        text = key if len(key) == 1 else "\r" if key == "Enter" else ""
        code = KEY_CODES.get(key, ord(key.upper()) if key.isalnum() and len(key) == 1 else 0)
        event = {"key": key, "windowsVirtualKeyCode": code, "nativeVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def write(self, text):
        for letter in text:
            self.press(letter)

    def click(self, script):
        """The mouse, at the middle of the element that a script names."""
        x, y = self.run(f"(() => {{ const e = {script}; e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
                        " return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self):
        """What is seen, as the base64 of a PNG."""
        return self.call("Page.captureScreenshot", format="png")["data"]
