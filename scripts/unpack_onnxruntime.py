"""Take the shared libraries and their licences out of ONNX Runtime's wheel.

Usage: unpack_onnxruntime.py FOLDER REQUIREMENTS TARGET

The wheel is the only one in FOLDER; its SHA-256 must be one of those that
REQUIREMENTS names. TARGET is made and receives the files.
"""

import hashlib
import pathlib
import shutil
import sys
import zipfile


def main(folder: str, requirements: str, target: str) -> None:
    (wheel,) = pathlib.Path(folder).glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if f"--hash=sha256:{found}" not in pathlib.Path(requirements).read_text().split():
        sys.exit(f"{wheel.name}: SHA-256 is {found}, which {requirements} does not name")
    out = pathlib.Path(target)
    out.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.startswith(("onnxruntime/capi/libonnxruntime", "onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices")):
                continue
            with archive.open(name) as source, open(out / pathlib.Path(name).name, "wb") as copy:
                shutil.copyfileobj(source, copy)


if __name__ == "__main__":
    main(*sys.argv[1:])
