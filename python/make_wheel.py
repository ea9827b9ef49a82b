"""Packs the package and the program into a wheel: make_wheel.py PROGRAM FOLDER. Prints the wheel's path.

A wheel is a zip file with a list of its files (PEP 427); written here so that nothing has to be installed for it.
"""

import base64
import hashlib
import pathlib
import platform
import stat
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent


def version():
    for line in (HERE.parent / "CMakeLists.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("project(tapedeck VERSION "):
            return line.split()[2]
    raise SystemExit("CMakeLists.txt names no version")


def make_wheel(program, folder):
    tag = f"py3-none-linux_{platform.machine()}"
    name = f"tapedeck-{version()}"
    info = f"{name}.dist-info"
    files = {f"tapedeck/{path.name}": (path.read_bytes(), 0o644) for path in sorted((HERE / "tapedeck").glob("*.py"))}
    files["tapedeck/bin/tapedeck"] = (pathlib.Path(program).read_bytes(), 0o755)
    files[f"{info}/METADATA"] = ((f"Metadata-Version: 2.1\nName: tapedeck\nVersion: {version()}\nRequires-Python: >=3.9\n"
                                  "Summary: experiments with small transformers on a CPU\nLicense: MIT\n"
                                  "Provides-Extra: all\nRequires-Dist: numpy; extra == 'all'\n"
                                  "Requires-Dist: pandas; extra == 'all'\n").encode(), 0o644)
    files[f"{info}/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: make_wheel\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(), 0o644)
    record = ""
    for path, (content, _) in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    files[f"{info}/RECORD"] = ((record + f"{info}/RECORD,,\n").encode(), 0o644)
    out = pathlib.Path(folder) / f"{name}-{tag}.whl"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, (content, mode) in files.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (stat.S_IFREG | mode) << 16  # pip only keeps the x of regular files
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, content)
    return out


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: make_wheel.py PROGRAM FOLDER")
    print(make_wheel(*sys.argv[1:]))
