"""The datasets known by name: their files, addresses, checksums, licences, classes and peculiarities.

The app's first screen imports this file, so it reads no file and imports nothing heavy, not even numpy.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from mnist_tui.experiment.shapes import DEFAULT_IMAGE, ImageShape

_Value = TypeVar("_Value")
Part = Literal["train_images", "train_labels", "test_images", "test_labels", "validation_images", "validation_labels"]
PARTS: Final[tuple[Part, ...]] = ("train_images", "train_labels", "test_images", "test_labels")
"""The parts that every dataset has."""
VALIDATION_PARTS: Final[tuple[Part, ...]] = ("validation_images", "validation_labels")
"""The parts of a dataset with a validation split of its own."""
SPLIT_PARTS: Final[Mapping[str, tuple[Part, Part]]] = {
    "train": ("train_images", "train_labels"),
    "test": ("test_images", "test_labels"),
    "validation": ("validation_images", "validation_labels"),
}
"""The images and the labels of each split."""
FILE_NAMES: Final[dict[Part, str]] = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
VALIDATION_FILE_NAMES: Final[dict[Part, str]] = {
    "validation_images": "validation-images-idx3-ubyte",
    "validation_labels": "validation-labels-idx1-ubyte",
}
PART_TITLES: Final[Mapping[Part, str]] = {
    part: part.replace("train_", "training ").replace("_", " ") for part in (*PARTS, *VALIDATION_PARTS)
}
SPLIT_NAMES: Final = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
}
"""The split that a word names."""


def split_named(name: str) -> str | None:
    """Return the split (train, test, validation) that a folder or a word names; None if it names none."""
    return SPLIT_NAMES.get(name.lower())


@dataclass(frozen=True, slots=True)
class KnownDataset:
    """A dataset that `--dataset` takes by its name.

    Attributes:
        title: The name on screens and in reports.
        class_names: The classes, by their numbers from 0.
        sha256: SHA-256 of each part's uncompressed IDX bytes, whatever its packing on disk; empty if not published.
        packed_bytes: Size of each part's gzip file, or of the archive under `train_images`, for a download's progress.
        mirrors: Addresses of folders with the published files, in the order in which they are tried; `{}` in an
            address stands for a file's name.
        sample: True for the bundled digits, which are never presented as MNIST.
        image: Height, width and channels of each image.
        first_label: The label in the files of class 0.
        file_names: The names of the parts' IDX files, without .gz.
        archive: The published file that holds all parts: an npz, or a ZIP archive of gzip files; empty if the parts
            are published as gzip files.
        md5: MD5 of published files as they are packed, by name; empty if not published.
        counts: The number of images in each split.
        transposed: Whether rows and columns are exchanged in the files.
        photographs: Whether the images are photographs or scans, not light strokes on black.
        folder: The folder in which the files are kept; the dataset's name unless others share it.
        licence: The licence of the data.
        about: One sentence: what the images show, and what is peculiar to the files.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    sha256: Mapping[Part, str] = field(default_factory=dict[Part, str])
    packed_bytes: Mapping[Part, int] = field(default_factory=dict[Part, int])
    mirrors: tuple[str, ...] = ()
    sample: bool = False
    image: ImageShape = DEFAULT_IMAGE
    first_label: int = 0
    file_names: Mapping[Part, str] = field(default_factory=lambda: FILE_NAMES)
    archive: str = ""
    md5: Mapping[str, str] = field(default_factory=dict[str, str])
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    transposed: bool = False
    photographs: bool = False
    folder: str = ""
    licence: str = ""
    about: str = ""

    @property
    def place(self) -> str:
        """The name of the folder with the files."""
        return self.folder or self.name

    @property
    def download_bytes(self) -> int:
        """The bytes of all published files, about."""
        return sum(self.packed_bytes.values())

    @property
    def has_validation(self) -> bool:
        """Whether the dataset has a validation split of its own."""
        return "validation" in self.counts

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the dataset."""
        return (*PARTS, *VALIDATION_PARTS) if self.has_validation else PARTS


_DIGITS: Final = tuple(string.digits)
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_MERGED = "abdefghnqrt"
"""The small letters that EMNIST does not merge with the capital ones."""
_ORGANS = (
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
)
_CC_BY, _CC_BY_NC, _CC_BY_SA = "CC BY 4.0", "CC BY-NC 4.0", "CC BY-SA 4.0"


def _by_part(
    train_images: _Value, train_labels: _Value, test_images: _Value, test_labels: _Value
) -> dict[Part, _Value]:
    return dict(zip(PARTS, (train_images, train_labels, test_images, test_labels), strict=True))


def _packed(names: Mapping[Part, str], *md5: str) -> dict[str, str]:
    return {f"{names[part]}.gz": each for part, each in zip(PARTS, md5, strict=True)}


_QMNIST_NAMES: Final = _by_part(
    "qmnist-train-images-idx3-ubyte",
    "qmnist-train-labels-idx2-int",
    "qmnist-test-images-idx3-ubyte",
    "qmnist-test-labels-idx2-int",
)


def _emnist(title: str, class_names: str, counts: tuple[int, int], about: str) -> KnownDataset:
    split = title.lower()
    names = [f"emnist-{split}-{part}" for part in ("train-images-idx3", "train-labels-idx1")]
    names += [name.replace("-train-", "-test-") for name in names]
    return KnownDataset(
        name=f"emnist-{split}",
        title=f"EMNIST {title}",
        class_names=tuple(class_names),
        packed_bytes={"train_images": 561_753_746},
        mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"),
        first_label=1 if split == "letters" else 0,
        file_names=_by_part(*(f"{name}-ubyte" for name in names)),
        archive="gzip.zip",
        md5={"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"},
        counts=dict(zip(("train", "test"), counts, strict=True)),
        transposed=True,
        folder="emnist",
        licence="none stated",
        about=f"{about}; one download holds all six EMNIST datasets, and their images are turned upright when read",
    )


def _medmnist(
    title: str,
    about: str,
    class_names: tuple[str, ...],
    *,
    counts: tuple[int, int, int],
    size: int,
    md5: str,
    colour: bool = False,
    licence: str = _CC_BY,
) -> KnownDataset:
    name = title.lower()
    return KnownDataset(
        name=name,
        title=title,
        class_names=class_names,
        packed_bytes={"train_images": size},
        mirrors=("https://zenodo.org/records/10519652/files/{}?download=1",),
        image=(28, 28, 3) if colour else DEFAULT_IMAGE,
        archive=f"{name}.npz",
        photographs=True,
        md5={f"{name}.npz": md5},
        counts=dict(zip(("train", "validation", "test"), counts, strict=True)),
        licence=licence,
        about=f"{about}; has a validation split of its own; not intended for clinical use",
    )


KNOWN: Final[Mapping[str, KnownDataset]] = {
    known.name: known
    for known in (
        KnownDataset(
            name="mnist",
            title="MNIST",
            class_names=_DIGITS,
            sha256=_by_part(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            packed_bytes=_by_part(9_912_422, 28_881, 1_648_877, 4_542),
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            counts={"train": 60_000, "test": 10_000},
            licence="CC BY-SA 3.0",
            about="handwritten digits",
        ),
        KnownDataset(
            name="fashion-mnist",
            title="Fashion-MNIST",
            class_names=_CLOTHES,
            sha256=_by_part(
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            packed_bytes=_by_part(26_421_880, 29_515, 4_422_102, 5_148),
            mirrors=(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ),
            counts={"train": 60_000, "test": 10_000},
            licence="MIT",
            about="articles of clothing",
        ),
        KnownDataset(
            name="kmnist",
            title="KMNIST",
            class_names=_HIRAGANA,
            packed_bytes=_by_part(18_165_135, 29_497, 3_041_136, 5_120),
            mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
            md5=_packed(
                FILE_NAMES,
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
            counts={"train": 60_000, "test": 10_000},
            licence=_CC_BY_SA,
            about="Kuzushiji-MNIST, characters of cursive Japanese, named by their sounds",
        ),
        KnownDataset(
            name="qmnist",
            title="QMNIST",
            class_names=_DIGITS,
            packed_bytes=_by_part(9_704_059, 463_024, 9_742_279, 526_800),
            mirrors=("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
            file_names=_QMNIST_NAMES,
            md5=_packed(
                _QMNIST_NAMES,
                "ed72d4157d28c017586c42bc6afe6370",
                "0058f8dd561b90ffdd0f734c6a30e5e4",
                "1394631089c404de565df7b7aeaf9412",
                "5b5b05890a5e13444e108efe57b788aa",
            ),
            counts={"train": 60_000, "test": 60_000},
            licence="BSD 3-Clause",
            about="MNIST made again from its sources, with all 60,000 test images; the class is the first of the "
            "eight columns of its labels",
        ),
        _emnist(
            "Balanced",
            string.digits + string.ascii_uppercase + _MERGED,
            (112_800, 18_800),
            "digits and letters, 47 classes of equal size",
        ),
        _emnist(
            "Letters",
            string.ascii_uppercase,
            (124_800, 20_800),
            "letters, capital and small in one class, labelled 1 to 26 in the files",
        ),
        _emnist("Digits", string.digits, (240_000, 40_000), "280,000 digits"),
        _emnist("MNIST", string.digits, (60_000, 10_000), "digits, as many as MNIST has"),
        _emnist(
            "ByClass",
            string.digits + string.ascii_uppercase + string.ascii_lowercase,
            (697_932, 116_323),
            "digits, capital and small letters, 62 classes of unequal size",
        ),
        _emnist(
            "ByMerge",
            string.digits + string.ascii_uppercase + _MERGED,
            (697_932, 116_323),
            "digits and letters, 47 classes of unequal size",
        ),
        _medmnist(
            "PathMNIST",
            "colon tissue under the microscope",
            (
                "adipose",
                "background",
                "debris",
                "lymphocytes",
                "mucus",
                "smooth muscle",
                "normal colon mucosa",
                "cancer-associated stroma",
                "colorectal adenocarcinoma epithelium",
            ),
            counts=(89_996, 10_004, 7_180),
            size=205_615_438,
            md5="a8b06965200029087d5bd730944a56c1",
            colour=True,
        ),
        _medmnist(
            "DermaMNIST",
            "skin lesions",
            (
                "actinic keratoses and intraepithelial carcinoma",
                "basal cell carcinoma",
                "benign keratosis-like lesions",
                "dermatofibroma",
                "melanoma",
                "melanocytic nevi",
                "vascular lesions",
            ),
            counts=(7_007, 1_003, 2_005),
            size=19_725_078,
            md5="0744692d530f8e62ec473284d019b0c7",
            colour=True,
            licence=_CC_BY_NC,
        ),
        _medmnist(
            "OCTMNIST",
            "optical coherence tomography of the retina",
            ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
            counts=(97_477, 10_832, 1_000),
            size=54_938_180,
            md5="c68d92d5b585d8d81f7112f81e2d0842",
        ),
        _medmnist(
            "PneumoniaMNIST",
            "chest X-rays of children",
            ("normal", "pneumonia"),
            counts=(4_708, 524, 624),
            size=4_170_669,
            md5="28209eda62fecd6e6a2d98b1501bb15f",
        ),
        _medmnist(
            "RetinaMNIST",
            "photographs of the retina, in five grades of retinopathy",
            ("grade 0", "grade 1", "grade 2", "grade 3", "grade 4"),
            counts=(1_080, 120, 400),
            size=3_291_041,
            md5="bd4c0672f1bba3e3a89f0e4e876791e4",
            colour=True,
        ),
        _medmnist(
            "BreastMNIST",
            "ultrasound of the breast",
            ("malignant", "normal, benign"),
            counts=(546, 78, 156),
            size=559_580,
            md5="750601b1f35ba3300ea97c75c52ff8f6",
        ),
        _medmnist(
            "BloodMNIST",
            "blood cells under the microscope",
            (
                "basophil",
                "eosinophil",
                "erythroblast",
                "immature granulocytes",
                "lymphocyte",
                "monocyte",
                "neutrophil",
                "platelet",
            ),
            counts=(11_959, 1_712, 3_421),
            size=35_461_855,
            md5="7053d0359d879ad8a5505303e11de1dc",
            colour=True,
        ),
        _medmnist(
            "TissueMNIST",
            "cells of the kidney under the microscope",
            (
                "Collecting Duct, Connecting Tubule",
                "Distal Convoluted Tubule",
                "Glomerular endothelial cells",
                "Interstitial endothelial cells",
                "Leukocytes",
                "Podocytes",
                "Proximal Tubule Segments",
                "Thick Ascending Limb",
            ),
            counts=(165_466, 23_640, 47_280),
            size=124_962_739,
            md5="ebe78ee8b05294063de985d821c1c34b",
        ),
        _medmnist(
            "OrganAMNIST",
            "organs in axial computed tomography",
            _ORGANS,
            counts=(34_561, 6_491, 17_778),
            size=38_247_903,
            md5="68e3f8846a6bd62f0c9bf841c0d9eacc",
        ),
        _medmnist(
            "OrganCMNIST",
            "organs in coronal computed tomography",
            _ORGANS,
            counts=(12_975, 2_392, 8_216),
            size=15_527_535,
            md5="b9ceb9546e10131b32923c5bbeaea2b1",
        ),
        _medmnist(
            "OrganSMNIST",
            "organs in sagittal computed tomography",
            _ORGANS,
            counts=(13_932, 2_452, 8_827),
            size=16_528_536,
            md5="9ab87b696fb54e2a387ebe992d6ed5f1",
        ),
        KnownDataset(
            "digits",
            "digits sample (scikit-learn, 1,797 images)",
            _DIGITS,
            sample=True,
            counts={"train": 1_437, "test": 360},
            licence="CC BY 4.0",
            about="scikit-learn's digits, brought from 8 × 8 to 28 × 28 pixels",
        ),
    )
}
UNSUITABLE: Final[Mapping[str, str]] = {
    "chestmnist": "ChestMNIST marks several findings in one image; a network here chooses one class for each image, so "
    "this dataset cannot be trained on"
}
"""Datasets that people may ask for, and why they are not known."""


def part_with_checksum(sha256: str) -> tuple[KnownDataset, Part] | None:
    """Return the known dataset and the part with this published checksum; None if no part has it."""
    for known in KNOWN.values():
        for part, published in known.sha256.items():
            if published == sha256:
                return known, part
    return None
