"""The contract of readers of data sets: clean labels, splits by name, errors in one line."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from maenas.detector.data import read_dataset
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.readers.read import (
    names_of,
    open_source,
    reader_of,
    register_reader,
)
from maenas.detector.data.readers.source import SPLITS, Reader
from maenas.detector.media.images import read_image


class ReaderContract:
    """Tests of a reader of data sets; derive a class from it whose name begins with `Test`.

    Attributes:
        reader: class of the reader to test.
    """

    reader: ClassVar[type[Reader]]

    @abstractmethod
    def write(self, folder: Path) -> Path:
        """Write a data set of this format with at least one object; the path to name it by.

        Args:
            folder: an empty folder.
        """

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A data set of this format."""
        register_reader(self.reader)
        return self.write(tmp_path)

    @pytest.fixture
    def dataset(self, path: Path) -> Dataset:
        """The first split of a data set of this format."""
        return read_dataset(path, self.reader().splits(open_source(path))[0])

    def test_it_is_chosen_for_its_own_format(self, path: Path) -> None:
        chosen = reader_of(open_source(path))
        assert type(chosen) is self.reader
        assert chosen.name == self.reader.name
        assert chosen.looks_like

    def test_it_leaves_other_sources_alone(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("nothing of interest", "utf-8")
        assert not self.reader().recognises(open_source(tmp_path))

    def test_splits_are_named_in_their_usual_order(self, path: Path) -> None:
        splits = self.reader().splits(open_source(path))
        assert splits
        assert list(splits) == [split for split in SPLITS if split in splits]

    def test_every_image_opens_and_has_the_size_that_the_reader_tells(
        self, dataset: Dataset
    ) -> None:
        assert len(dataset) > 0
        for sample in dataset.samples:
            assert read_image(sample.path).shape[:2] == sample.size

    def test_boxes_lie_in_their_images_and_have_an_area(self, dataset: Dataset) -> None:
        dataset.require_objects()
        for sample in dataset.samples:
            height, width = sample.size
            assert sample.boxes.shape == (len(sample.labels), 4)
            assert np.isfinite(sample.boxes).all()
            assert (sample.boxes[:, :2] >= 0).all()
            assert (sample.boxes[:, 2:] <= (width, height)).all()
            assert (sample.boxes[:, 2:] > sample.boxes[:, :2]).all()
            assert (sample.areas > 0).all()

    def test_labels_are_indices_of_named_classes(self, dataset: Dataset) -> None:
        assert len(set(dataset.names)) == len(dataset.names) == len(dataset.category_ids)
        labels = np.concatenate([sample.labels[~sample.crowd] for sample in dataset.samples])
        assert labels.min() >= 0
        assert labels.max() < len(dataset.names)

    def test_every_split_has_the_same_classes(self, path: Path) -> None:
        splits = self.reader().splits(open_source(path))
        assert len({read_dataset(path, split).names for split in splits}) == 1

    def test_the_classes_alone_are_those_of_the_images(self, path: Path) -> None:
        assert names_of(path) == read_dataset(path, "train").names

    def test_reading_twice_gives_the_same(self, path: Path, dataset: Dataset) -> None:
        again = read_dataset(path, self.reader().splits(open_source(path))[0])
        assert [sample.path for sample in again.samples] == [s.path for s in dataset.samples]
        assert again.columns.boxes.tolist() == dataset.columns.boxes.tolist()

    def test_a_data_set_without_its_images_is_refused_in_one_line(self, path: Path) -> None:
        split = self.reader().splits(open_source(path))[0]
        for image in {sample.path for sample in read_dataset(path, split).samples}:
            image.unlink()
        with pytest.raises(DataError) as refused:
            read_dataset(path, split)
        assert "\n" not in str(refused.value)
