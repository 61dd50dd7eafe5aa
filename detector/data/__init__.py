"""Data sets: readers, checks, augmentation and batch loaders."""

from maenas.detector.data.augmentation import Augmentation
from maenas.detector.data.batch import Batch
from maenas.detector.data.dataset import DataError, DataProblem, Dataset, Source, same_classes
from maenas.detector.data.loader import EvalLoader, LoaderOptions, TrainLoader
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.data.samples import Sample, Samples

__all__ = [
    "Augmentation",
    "Batch",
    "DataError",
    "DataProblem",
    "Dataset",
    "EvalLoader",
    "LoaderOptions",
    "Sample",
    "Samples",
    "Source",
    "TrainLoader",
    "read_dataset",
    "same_classes",
]
