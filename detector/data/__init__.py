"""Data sets: read, checked, changed for training, loaded in batches."""

from detector.data.augmentation import Augmentation
from detector.data.batch import Batch
from detector.data.dataset import DataError, Dataset, Problem, Sample, same_classes
from detector.data.loader import EvalLoader, Plan, TrainLoader
from detector.data.read import read_dataset

__all__ = [
    "Augmentation",
    "Batch",
    "DataError",
    "Dataset",
    "EvalLoader",
    "Plan",
    "Problem",
    "Sample",
    "TrainLoader",
    "read_dataset",
    "same_classes",
]
