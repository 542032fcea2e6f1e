"""Image files, written by Pillow: which side of the grey is ink, and what is said of files that are no images."""

import os
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageDraw

from mnist_tui.data.errors import DataError
from mnist_tui.data.image_files import FORMATS
from mnist_tui.data.pictures import LARGEST_SIDE, brightness, centred, read_picture, reading_of


def seven(size: tuple[int, int] = (120, 160), mode: str = "L", ink: object = 255, paper: object = 0) -> Image.Image:
    """A seven of straight strokes."""
    image = Image.new(mode, size, paper)  # pyright: ignore[reportArgumentType]
    width, height = size
    corners = [(width * 0.2, height * 0.15), (width * 0.8, height * 0.15), (width * 0.4, height * 0.85)]
    ImageDraw.Draw(image).line(corners, fill=ink, width=max(2, width // 10))  # pyright: ignore[reportArgumentType]
    return image


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Of both as MNIST would hold them, one pixel to any side allowed."""
    shifted = (np.roll(centred(one), shift, (0, 1)) for shift in product((-1, 0, 1), repeat=2))
    return max(float(np.corrcoef(image.ravel(), centred(other).ravel())[0, 1]) for image in shifted)


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_a_28_by_28_image_is_read_to_the_bit(tmp_path: Path):
    pixels = np.random.default_rng(1).integers(0, 256, (28, 28), dtype=np.uint8)
    pixels[[0, -1]] = pixels[:, [0, -1]] = 0
    light, dark = Image.fromarray(pixels), Image.fromarray(255 - pixels)
    assert np.array_equal(read_picture(saved(light, tmp_path / "light.png")).pixels, pixels)
    got = read_picture(saved(dark, tmp_path / "dark.png"))
    assert np.array_equal(got.pixels, pixels)
    assert got.words == "28×28 pixels, dark on light"


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("dark.jpg", seven(ink=0, paper=255)),
        ("blue-on-yellow.png", seven(mode="RGB", ink=(20, 20, 120), paper=(250, 240, 160))),
        ("palette.gif", seven(ink=0, paper=255).convert("P")),
        ("two-levels.png", seven(mode="1", ink=0, paper=1)),
        ("sixteen-bits.png", Image.fromarray(np.asarray(seven(), np.uint16) * 257)),
        ("dark-on-nothing.png", seven(mode="RGBA", ink=(10, 10, 10, 255), paper=(0, 0, 0, 0))),
        ("light-on-nothing.png", seven(mode="RGBA", ink=(250, 250, 250, 255), paper=(255, 255, 255, 0))),
        ("huge.tif", seven((2400, 3200))),
        ("half-grey.bmp", seven(ink=230, paper=110)),
        ("lossless.webp", seven(mode="RGB", ink=(0, 0, 0), paper=(255, 255, 255))),
        ("scanned.pgm", seven(ink=0, paper=255)),
    ],
)
def test_ink_is_found_whatever_the_file(tmp_path: Path, name: str, image: Image.Image):
    got = read_picture(saved(image, tmp_path / name))
    assert got.size == image.size
    assert max(got.pixels.shape) <= LARGEST_SIDE
    assert correlation(got.pixels, np.asarray(seven(image.size))) > 0.95


@pytest.mark.parametrize(
    ("name", "levels", "read"),
    [
        ("dark.png", np.array([[0, 257], [100, 255]], np.uint16), [[0, 1], [0, 1]]),
        ("light.png", np.array([[0, 257], [25_700, 65_535]], np.uint16), [[0, 1], [100, 255]]),
        ("dark.tif", np.array([[0, 0.1], [0.2, 0.4]], np.float32), [[0, 26], [51, 102]]),
        ("light.tif", np.array([[0, 0.1], [0.2, 1]], np.float32), [[0, 26], [51, 255]]),
    ],
)
def test_the_type_of_the_levels_decides_their_scale(tmp_path: Path, name: str, levels: Any, read: list[list[int]]):
    assert read_picture(saved(Image.fromarray(levels), tmp_path / name), "grey").pixels.tolist() == read


@pytest.mark.parametrize("level", [-0.1, 1.5, 255, float("nan")])
def test_floating_point_levels_that_are_not_from_0_to_1_are_refused(tmp_path: Path, level: float):
    path = saved(Image.fromarray(np.array([[0, level]], np.float32)), tmp_path / "levels.tif")
    with pytest.raises(DataError, match="its levels are floating-point numbers, and not all of them are from 0 to 1"):
        read_picture(path, "grey")


def test_a_photographs_noise_is_no_ink(tmp_path: Path):
    clean = np.asarray(seven((300, 400), ink=40, paper=200), np.float64)
    shade = np.linspace(-15, 15, 300) + np.random.default_rng(2).normal(0, 6, clean.shape)
    photograph = Image.fromarray(np.clip(clean + shade, 0, 255).astype(np.uint8))
    got = read_picture(saved(photograph, tmp_path / "photograph.jpg", quality=70))
    assert correlation(got.pixels, np.asarray(seven((300, 400)))) > 0.9
    paper = Image.fromarray(np.clip(200 + np.random.default_rng(3).normal(0, 3, (60, 60)), 0, 255).astype(np.uint8))
    assert read_picture(saved(paper, tmp_path / "paper.png")).pixels.mean() < 5


def test_a_turned_photograph_is_put_upright(tmp_path: Path):
    turned = seven().rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    got = read_picture(saved(turned, tmp_path / "turned.jpg", exif=exif))
    assert correlation(got.pixels, np.asarray(seven())) > 0.95


def test_files_that_are_no_images_are_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "text.png").write_text("hello")
    whole = saved(seven(), tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "torn.jpg").write_bytes(whole[: len(whole) // 2])
    for path, why in (
        (tmp_path / "absent.png", "there is no file"),
        (tmp_path, "is a folder"),
        (tmp_path / "text.png", "is not an image that can be read; PNG"),
        (tmp_path / "torn.jpg", "is damaged"),
    ):
        with pytest.raises(DataError, match=why) as caught:
            read_picture(path)
        assert str(path) in str(caught.value)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\n{ } loop\n%%EOF\n"


def test_no_kind_of_file_but_those_named_reaches_a_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **_: started.append(args))
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", "gs")
    (tmp_path / "digit.png").write_bytes(POSTSCRIPT)
    files = [tmp_path / "digit.png"]
    files += [saved(seven(), tmp_path / f"picture.{kind}") for kind in ("im", "pcx", "sgi", "tga", "ico")]
    for path in files:
        with Image.open(path) as image:
            assert image.format not in FORMATS, "Pillow knows it"
        with pytest.raises(DataError, match="is not an image that can be read; PNG, JPEG, GIF, BMP, TIFF, WebP and"):
            read_picture(path)
    assert not started


@pytest.mark.parametrize("share", [1, 3], ids=["warned-of", "refused-by-Pillow"])
def test_a_picture_with_too_many_pixels_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int
):
    path = saved(seven((100, 100)), tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9_999 // share)
    with pytest.raises(DataError, match=f"more than the {9_999 // share:,} pixels that are read"):
        read_picture(path)
    monkeypatch.setattr(Image, "_decompression_bomb_check", lambda size: None)
    with pytest.raises(DataError, match="100×100 pixels, more than"):
        read_picture(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    assert read_picture(path).size == (100, 100)


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    saved(seven(), tmp_path / "whole.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "whole.png")
    for name, kind in (("pipe.png", "a pipe"), ("zero.png", "a device")):
        with pytest.raises(DataError, match=f"is {kind}, not a file; an image file is wanted"):
            read_picture(tmp_path / name)
    assert read_picture(tmp_path / "link.png").pixels.any(), "a person may name a link"


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp", "tif", "webp", "pgm"])
def test_a_damaged_picture_is_told_in_a_sentence_whatever_is_damaged(tmp_path: Path, kind: str):
    whole = np.frombuffer(saved(seven((60, 40)), tmp_path / f"whole.{kind}").read_bytes(), np.uint8)
    path, source = tmp_path / f"damaged.{kind}", np.random.default_rng(18)
    for _ in range(60):
        damaged = whole.copy()
        damaged[source.integers(0, min(len(damaged), 200), 3)] = source.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes()[: int(source.integers(1, len(damaged) + 1))])
        try:
            read_picture(path)
        except DataError as error:
            assert str(path) in str(error)


def test_photographs_are_read_as_they_are_in_grey_or_in_colour(tmp_path: Path):
    colours = np.random.default_rng(4).integers(0, 256, (14, 20, 3), dtype=np.uint8)
    path = saved(Image.fromarray(colours), tmp_path / "colours.png")
    assert np.array_equal(read_picture(path, "colour").pixels, colours)
    grey = np.asarray(Image.fromarray(colours).convert("L"))
    assert np.array_equal(read_picture(path, "grey").pixels, grey)
    path = saved(Image.fromarray(grey), tmp_path / "grey.png")
    assert np.array_equal(read_picture(path, "colour").pixels, np.stack([grey] * 3, axis=-1))
    assert read_picture(path, "colour").words == "20×14 pixels, colours as they are"


def test_strokes_on_any_ground_are_looked_for_only_where_data_are_like_mnist():
    assert reading_of((28, 28, 1), "mnist") == reading_of((28, 28, 1), "/a/folder") == "strokes"
    assert reading_of((64, 64, 1), "/a/folder") == "grey"
    assert reading_of((28, 28, 3), None) == "colour"


def test_brightness_is_that_of_pillow():
    colours = np.random.default_rng(5).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert np.array_equal(brightness(colours), np.asarray(Image.fromarray(colours).convert("L")))


def test_nothing_on_a_plain_ground_is_no_ink(tmp_path: Path):
    for level in (0, 90, 255):
        assert not read_picture(saved(Image.new("L", (50, 50), level), tmp_path / f"{level}.png")).pixels.any()
