"""The plain data of a search's result, as `result.json` holds it."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict


class LatencyData(TypedDict):
    """The latency of a network on one of several devices.

    Attributes:
        device: name of the device.
        latency_ms: predicted latency in milliseconds.
        limit_ms: limit in milliseconds; null without one.
        spare: share of the limit that the network does not need.
        latency_kind: "predicted" for a measured table of the device, else "estimated".
        latency_about: source and error of the latency.
        latency_warning: reason not to trust it; null if it can be trusted.
    """

    device: str
    latency_ms: float
    limit_ms: float | None
    spare: float | None
    latency_kind: str
    latency_about: str
    latency_warning: str | None


class BesideData(TypedDict):
    """The features of a backbone that its score should be read beside.

    Attributes:
        params: number of learned values of the backbone.
        activations: elements of all output maps of its convolutions.
        levels: number of resolution levels.
        score_share: share of the score that the coarsest level gives.
        macs_share: share of the backbone's MACs in the coarsest level.
    """

    params: int
    activations: int
    levels: int
    score_share: float
    macs_share: float


class NetworkData(TypedDict):
    """A network that a search found.

    Attributes:
        spec: path of its file.
        score: score that was maximised.
        latency_ms: predicted latency in milliseconds; null without a device.
        budget: limit of each limited cost.
        macs: multiply-accumulates of one image.
        params: number of learned values.
        memory_bytes: most memory of feature maps at a time.
        layers: depth of the backbone.
        depth_caps: maximum depth of each stage in the space.
        space: name of the search space.
        template: scale of neck and head.
        num_classes: number of classes of the detector.
        device: device of the latency.
        latency_kind: "predicted" for a measured table of the device, else "estimated".
        latency_about: source and error of the latency.
        latency_warning: reason not to trust it; null if it can be trusted.
        optimum_at_most: proven upper bound of the optimum.
        optimum_within: limits on latency that the optimum holds for, where `--verify` raised them
            above the budgets.
        optimum_at_least: score of the best network that the exact solver knows.
        share_of_optimum: lower bound on the share of the optimum that the score reaches.
        optimum_is_proven: whether the network is proven optimal.
        found_by_exact_solver: whether the exact solver found it instead of the search.
        random_score: best score of random search under this limit; null if it found no network.
        beside_score: features of the backbone that the score should be read beside.
        latencies: latency on each device, if there are several.
    """

    spec: str
    score: float
    latency_ms: float | None
    budget: dict[str, float]
    macs: int
    params: int
    memory_bytes: int
    layers: int
    depth_caps: list[int]
    space: str
    template: str
    num_classes: int
    device: str | None
    latency_kind: str | None
    latency_about: str | None
    latency_warning: str | None
    optimum_at_most: float
    optimum_at_least: float | None
    share_of_optimum: float
    optimum_is_proven: bool
    found_by_exact_solver: bool
    random_score: float | None
    beside_score: BesideData
    optimum_within: NotRequired[dict[str, float]]
    latencies: NotRequired[list[LatencyData]]


class VerifiedData(TypedDict):
    """A finalist that was measured.

    Attributes:
        rank: rank by the score, from 1.
        score: score that was maximised.
        predicted_ms: predicted latency in milliseconds.
        measured_ms: measured latency in milliseconds.
        within: whether it is within the budget.
        warnings: disturbances of the measurement.
        latencies: measurement on each device, if there are several.
    """

    rank: int
    score: float
    predicted_ms: float
    measured_ms: float
    within: bool
    warnings: list[str]
    latencies: NotRequired[list[dict[str, Any]]]


class PublishedData(TypedDict):
    """The published backbone of the same scale.

    Attributes:
        score: score that was maximised.
        latency_ms: latency in milliseconds; null without a device.
        macs: multiply-accumulates of one image.
        params: number of learned values.
    """

    score: float
    latency_ms: float | None
    macs: int
    params: int


class HowData(TypedDict):
    """The result of a search without its best network.

    Attributes:
        schema: version of this format.
        version: version of maenas.
        evaluations: number of candidates that were proposed.
        unique_evaluations: number of different ones.
        accepted: number of them within the budgets.
        seconds: duration of the search in seconds.
        seed: random seed.
        algorithm: searcher.
        scope: part of the network that the budgets limit.
        score_name: name of the score.
        score_unit: unit of the score.
        weights: weights of the resolution levels.
        command: command that repeats the search.
        folder: folder of the run.
        monte_carlo: finalists on random networks.
        forward_seconds: mean seconds to score one random network.
        verified: finalists that were measured.
        verify: number of finalists to measure.
        rerank: ranking by a forward pass; null if the order of the search was kept.
        measured_on: facts about the device that measured them.
        notes: notes for the user.
        published: published backbone of the same scale, if it compares.
        verify_with: commands that measured the finalists.
        family: network under each limit of a range.
        depths: optimum under each limit on layers that was tried, with `--layers auto`.
    """

    schema: str
    version: str
    evaluations: int
    unique_evaluations: int
    accepted: int
    seconds: float
    seed: int
    algorithm: str
    scope: str
    score_name: str
    score_unit: str
    weights: list[float]
    command: str
    folder: str
    monte_carlo: list[dict[str, Any]]
    forward_seconds: float
    verified: list[VerifiedData]
    verify: int
    rerank: dict[str, Any] | None
    measured_on: dict[str, str | int | float]
    notes: list[str]
    published: NotRequired[PublishedData]
    verify_with: NotRequired[list[str]]
    family: NotRequired[list[NetworkData]]
    depths: NotRequired[list[dict[str, Any]]]


class SearchData(NetworkData, HowData):
    """The result of a search: its best network, and how it was found."""


class EntryData(TypedDict):
    """One search among several.

    Attributes:
        name: name of its folder.
        note: reason why there is no result.
        result: content of its `result.json`; null if no network meets the budgets.
    """

    name: str
    note: str | None
    result: dict[str, Any] | None


class SearchesData(TypedDict):
    """The results of several searches.

    Attributes:
        schema: version of this format.
        version: version of maenas.
        folder: folder with a run for each search.
        searches: searches in the order given.
    """

    schema: str
    version: str
    folder: str
    searches: list[EntryData]
