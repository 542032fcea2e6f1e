"""Runs the programs of MODEL.md files as a stranger does: `python -I outside.py ANSWERS.npz IMAGES.npy FOLDER …`.

Every folder has images of its own. Knows nothing of the project, and makes sure that nobody here does. The answers are
named ``folder's name/program``.
"""

import os
import re
import sys
from pathlib import Path

import numpy as np

PROGRAM = re.compile(r"^### (\S+)\n.*?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    answers, *pairs = map(Path, sys.argv[1:])
    found = {}
    for images, folder in zip(pairs[::2], pairs[1::2], strict=True):
        os.chdir(folder)
        for name, code in PROGRAM.findall(Path("MODEL.md").read_text(encoding="utf-8")):
            known = {"images": np.load(images)}
            exec(compile(code, f"{folder.name}/{name}", "exec"), known)
            found[f"{folder.name}/{name}"] = known["probabilities"]
    if any(name.partition(".")[0] == "mnist_tui" for name in sys.modules):
        sys.exit("the project was imported")
    np.savez(answers, **found)


if __name__ == "__main__":
    main()
