"""One exam for every method: sit it, mark it with the field's own tools, and keep the rows beside each other.

`sit` takes a graph and questions of any kind; without them it is the film exam (`kgss_helpers.exam.films`).
`generated_exam` makes questions from any graph.
"""

from kgss_helpers.exam.films import film_exam, sit, table, training_graph
from kgss_helpers.exam.generated import GeneratedExam, generated_exam
from kgss_helpers.exam.results import ExamResult, difference, recorded
from kgss_helpers.exam.statistics import Interval

__all__ = [
    "ExamResult",
    "GeneratedExam",
    "Interval",
    "difference",
    "film_exam",
    "generated_exam",
    "recorded",
    "sit",
    "table",
    "training_graph",
]
