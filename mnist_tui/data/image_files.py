"""Open image files that anybody may have made: only listed formats, within limits, each error one sentence.

Pillow, imported with the first file, reads only the listed formats: it knows others that run programs, such as
PostScript through Ghostscript.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mnist_tui.data.errors import DataError
from mnist_tui.files import UnreadableFileError, open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""Pillow's names of the formats that are read; PPM are PGM, PBM and PPM. No other file reaches a decoder."""
KINDS: Final = "PNG, JPEG, GIF, BMP, TIFF, WebP and PGM"
MOST_PIXELS: Final = 89_478_485
"""Pixels of the largest picture that is read; Pillow warns of larger ones."""


@contextmanager
def opened(path: Path, *, follow_links: bool = False) -> Generator[Image]:
    """Open an image file of one of the FORMATS, whatever its name ends in.

    Raises:
        DataError: the file is missing, is not a regular file, has too many pixels, is damaged, or has another format;
            also for every error that is raised while the file is open.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with open_regular(path, follow_links=follow_links) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=FORMATS) as image:
                size = image.size
                most = Image.MAX_IMAGE_PIXELS or MOST_PIXELS
                if size[0] * size[1] > most:  # another thread may have taken the filter of warnings away
                    raise DataError(_too_large(path, most, size))
                yield image
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except UnreadableFileError as error:
        raise DataError(f"{path} {error.strerror}; an image file is wanted ({KINDS})") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(_too_large(path, Image.MAX_IMAGE_PIXELS or MOST_PIXELS)) from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image that can be read; {KINDS} can") from None
    except PermissionError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except MemoryError:
        raise DataError(f"{path} needs more memory than there is; make it smaller first") from None
    except Exception as error:  # Pillow's decoders raise many errors for a damaged file: struct.error, KeyError, …
        why = str(error).strip() or type(error).__name__
        raise DataError(f"{path} is damaged, or not an image that can be read: {why}") from None


def _too_large(path: Path, most: int, size: tuple[int, int] | None = None) -> str:
    has = f"{size[0]:,}×{size[1]:,} pixels, " if size else ""
    return f"{path} has {has}more than the {most:,} pixels that are read; make it smaller first"
