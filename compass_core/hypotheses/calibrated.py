"""How sure an answer may sound: by how many answers that were as sure were right, on systems that had never been seen before."""

from importlib import resources

from pydantic import Field

from compass_core.domain import Value

WEIGHT_OF_PUBLISHED = 10.0  # answers that the published band counts as, beside those of this installation


class Band(Value):
    """First answers with a confidence from `least` on: how they are called, how many there were, and how many of them were right."""

    word: str
    least: float
    n: int
    right: int


class Calibration(Value):
    """What `python -m tests.bench.calibration` measured; `ceiling` is what the worst system allows to the surest answers."""

    ceiling: float = 1.0
    bands: tuple[Band, ...] = Field(min_length=1)


MEASURED = Calibration.model_validate_json(resources.files(__package__).joinpath("calibration.json").read_bytes())


def band(confidence: float) -> Band:
    """The band of a confidence."""
    return next((one for one in MEASURED.bands if confidence >= one.least), MEASURED.bands[-1])


def posterior(confidence: float, right: int, asked: int) -> float:
    """How often an answer this sure is right here: a Beta posterior, with the published band as what was thought before."""
    known = band(confidence)
    return (WEIGHT_OF_PUBLISHED * (known.right + 1) / (known.n + 2) + right) / (WEIGHT_OF_PUBLISHED + asked)


def how_sure(confidence: float, right: int = 0, asked: int = 0) -> str:
    """In words with counts: `Likely: of 87 answers this sure on systems never seen before, 65 were right (here: 4 of 5)`."""
    known = band(confidence)
    here = f" (here: {right} of {asked}, so about {posterior(confidence, right, asked):.0%} are)" if asked else ""
    if not known.n:
        return f"{known.word}: no answer was this sure on a system never seen before{here}."
    right_ones = f"{known.right} {'was' if known.right == 1 else 'were'} right"
    return f"{known.word}: of {known.n} answers this sure on systems never seen before, {right_ones}{here}."
