"""An image's answer in words: the picture_caption below its picture, the answer_sentence about the one looked at. Pure."""

from __future__ import annotations

from mnist_tui.settings import Glyphs
from mnist_tui.tui.gallery.answers import Answers
from mnist_tui.tui.widgets.confusion_cells import heads

BAR = 12


def epoch_words(epoch: int | None) -> str:
    """``after epoch 7``, ``final evaluation``."""
    return f"after epoch {epoch}" if epoch is not None else "final evaluation"


def certainty(answers: Answers, index: int) -> str:
    """``91.3 %``; without decimals where it was kept in steps of 1/255."""
    return f"{100 * float(answers.probabilities[index]):.{0 if answers.distributions is None else 1}f} %"


def picture_caption(
    answers: Answers, index: int, names: tuple[str, ...], width: int, glyphs: Glyphs
) -> tuple[str, str]:
    """Two lines of at most `width` characters: mark, true class, predicted class; certainty, number."""
    true, predicted = int(answers.labels[index]), int(answers.classes[index])
    right, wrong = ("=", "x") if glyphs == "ascii" else ("✓", "✗")
    mark = right if true == predicted else wrong
    between = " read as "
    if len(names[true]) + len(names[predicted]) + len(between) + 2 > width:
        between = " > " if glyphs == "ascii" else " → "
        cut = heads(names, (width - 2 - len(between)) // 2)
        first = f"{cut[true]}{between}{cut[predicted]}"
    else:
        first = f"{names[true]}{between}{names[predicted]}"
    return f"{mark} {first}", f"{certainty(answers, index)} #{int(answers.numbers[index])}"


def answer_sentence(answers: Answers, index: int, names: tuple[str, ...]) -> str:
    """``image 1,234 of the MNIST test images: 4 read as 9, probability 91.3 %``."""
    true, predicted = names[int(answers.labels[index])], names[int(answers.classes[index])]
    return (
        f"image {int(answers.numbers[index]):,} of the {answers.what}: {true} read as {predicted}, "
        f"probability {certainty(answers, index)}"
    )


def probability_lines(answers: Answers, index: int, names: tuple[str, ...], glyphs: Glyphs) -> list[str]:
    """A line for each class with its probability, largest first; empty where only the largest is known."""
    if answers.distributions is None:
        return []
    shares = answers.distributions[index].tolist()
    wide = max(map(len, names))
    fill = "#" if glyphs == "ascii" else "█"
    order = sorted(range(len(shares)), key=lambda at: -shares[at])
    return [f"{names[at]:>{wide}} {fill * round(BAR * shares[at]):{BAR}} {100 * shares[at]:5.1f} %" for at in order]
