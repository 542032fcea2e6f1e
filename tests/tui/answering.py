"""A process that answers as the predict job does, at once and without TensorFlow: by how many pixels have ink."""

import base64
import json
import sys


def main(how: str) -> None:
    """The class is the number of inked pixels modulo ten, at 91 %; ``refuses`` says that there is no model."""
    if how == "refuses":
        print(json.dumps({"error": "run x has no model"}), flush=True)
        return
    print(json.dumps({"ready": True, "weights": "checkpoint", "epoch": 7, "milliseconds": 1500.0}), flush=True)
    for line in sys.stdin:
        rows = []
        for image in json.loads(line)["images"]:
            seen = sum(level > 0 for level in base64.b64decode(image)) % 10
            rows.append([0.91 if label == seen else 0.01 for label in range(10)])
        print(json.dumps({"probabilities": rows, "milliseconds": 0.5}), flush=True)


main(sys.argv[1])
