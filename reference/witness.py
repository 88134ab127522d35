"""Witnesses of the statements, in the order of their matrices, for the prover."""

from collections.abc import Sequence

from reference.building import chunks
from reference.chacha20 import words as stream
from reference.contribution import MOST, Contribution
from reference.dataset import Dataset
from reference.field import log, pad
from reference.gradient import Gradient
from reference.tables import EXP_BITS, exp_table, sigmoid_table
from reference.update import WORD_BITS, Update

Entries = list[int]
Rows = Sequence[Sequence[int]]


def split(values: Entries, bits: int, most: int) -> list[Entries]:
    """The chunk columns of values of `bits` bits."""
    out, rest = [], list(values)
    for size in chunks(bits, most):
        out.append([value & ((1 << size) - 1) for value in rest])
        rest = [value >> size for value in rest]
    return out


def padded_rows(rows: Rows, p: int) -> Entries:
    """The entries of the dataset matrix."""
    return [entry for row in rows for entry in (*row, *([0] * (p - len(row))))]


def dataset_witness(statement: Dataset, rows: Rows) -> list[Entries]:
    """The slack: C^2 minus the square of each row."""
    bound, places = 1 << 2 * statement.row_bits, pad(len(rows))
    slack = [bound - sum(x * x for x in row[:-1]) for row in rows]
    slack += [bound] * (places - len(rows))
    most = min(max(log(places), 8), 16)
    return split(slack, 2 * statement.row_bits + 1, most)


def gradient_witness(statement: Gradient, rows: Rows) -> tuple[list[Entries], Entries]:
    """The witnesses and the gradient."""
    make = {"linear": _linear, "logistic": _logistic, "softmax": _softmax}
    places = [(list(row[:-1]), row[-1]) for row in rows]
    places += [([0] * statement.features, 0)] * (pad(len(rows)) - len(rows))
    witnesses, residuals = make[statement.kind](statement, places)
    gradient = [
        sum(e[k] * x[j] for e, (x, _) in zip(residuals, places, strict=True))
        for k in range(statement.classes)
        for j in range(statement.features)
    ]
    return witnesses, gradient


Places = list[tuple[list[int], int]]


def _margins(statement: Gradient, places: Places) -> list[list[int]]:
    """The margins z by row and class, classes padded with class 0."""
    d, count = statement.features, pad(statement.classes)
    vectors = [statement.weight_vectors[k * d :][:d] for k in range(statement.classes)]
    vectors += [vectors[0]] * (count - len(vectors))
    return [[sum(a * b for a, b in zip(x, w, strict=True)) for w in vectors] for x, _ in places]


def _most(statement: Gradient, places: Places) -> int:
    return min(max(log(len(places)) + log(pad(statement.classes)), 8), 16)


def _logistic(statement: Gradient, places: Places) -> tuple[list[Entries], list[Entries]]:
    s, limit = statement.margin_shift, statement.index_limit
    table = sigmoid_table(statement.residual_bits, limit)
    z = [row[0] for row in _margins(statement, places)]
    p = [table[(margin >> s) + limit] for margin in z]
    rem = split([margin % (1 << s) for margin in z], s, _most(statement, places))
    residuals = [
        [one - (y << statement.residual_bits)] for one, (_, y) in zip(p, places, strict=True)
    ]
    return [*rem, p], residuals


def _linear(statement: Gradient, places: Places) -> tuple[list[Entries], list[Entries]]:
    s, one, most = statement.margin_shift, 1 << statement.residual_bits, _most(statement, places)
    z = [row[0] for row in _margins(statement, places)]
    errors = [(margin >> s) - y for margin, (_, y) in zip(z, places, strict=True)]
    bits = statement.index_limit.bit_length()
    witnesses = split([margin % (1 << s) for margin in z], s, most)
    witnesses += split([max(error - one, 0) for error in errors], bits, most)
    witnesses += split([max(-one - error, 0) for error in errors], bits, most)
    return witnesses, [[max(-one, min(one, error))] for error in errors]


def _softmax(statement: Gradient, places: Places) -> tuple[list[Entries], list[Entries]]:
    s, f, classes = statement.margin_shift, statement.residual_bits, statement.classes
    table, most = exp_table(statement.index_limit), _most(statement, places)
    bits = (classes << EXP_BITS).bit_length()
    rem, t, p, r, v, hot, top = ([] for _ in range(7))
    m, total, residuals = [], [], []
    for row, (_, y) in zip(_margins(statement, places), places, strict=True):
        q = [margin >> s for margin in row]
        m.append(max(q))
        powers = [table[m[-1] - one] for one in q]
        total.append(sum(powers[:classes]))
        shares = [(power << f) // total[-1] for power in powers]
        rests = [
            (power << f) - share * total[-1] for power, share in zip(powers, shares, strict=True)
        ]
        rem += [margin % (1 << s) for margin in row]
        t += powers
        p += shares
        r += rests
        v += [total[-1] - 1 - rest for rest in rests]
        hot += [int(k == y) for k in range(len(row))]
        top += [int(k == q.index(m[-1])) for k in range(len(row))]
        residuals.append([shares[k] - (int(k == y) << f) for k in range(classes)])
    witnesses = [*split(rem, s, most), t, p, *split(r, bits, most), *split(v, bits, most)]
    return [*witnesses, hot, top, m, total], residuals


def draw(thresholds: Sequence[int], word: int) -> int:
    """The value that a word draws."""
    return sum(threshold <= word for threshold in thresholds) - 1 - len(thresholds) // 2


def update_witness(
    statement: Update, gradient: Entries, words: Entries
) -> tuple[list[Entries], Entries]:
    """The witnesses and the update; `words` are the committed ones, minus 2^63."""
    size, shift, bits = pad(statement.entries), statement.shift, statement.bound_bits
    most = min(max(log(size), 8), 16)
    rest = [0] * (size - statement.entries)
    u0, witnesses = [*gradient, *rest], []
    if shift > 0:
        lifted = [entry + (1 << (shift - 1)) for entry in u0]
        u0 = [entry >> shift for entry in lifted]
        witnesses += split([entry % (1 << shift) for entry in lifted], shift, most)
        witnesses += split([entry + (1 << (bits - 1)) for entry in u0], bits, most)
    if not statement.has_noise:
        return witnesses, u0[: statement.entries]
    coins = [*stream(statement.coins, statement.entries), *rest]
    sums = [word + 2**63 + coin for word, coin in zip([*words, *rest], coins, strict=True)]
    drawn = [total % 2**WORD_BITS for total in sums]
    thresholds = (*statement.thresholds, 2**WORD_BITS)
    x = [draw(statement.thresholds, a) for a in drawn]
    low = [thresholds[k + len(statement.thresholds) // 2] for k in x]
    high = [thresholds[k + len(statement.thresholds) // 2 + 1] for k in x]
    witnesses.append([total >> WORD_BITS for total in sums])
    witnesses += split([a - t for a, t in zip(drawn, low, strict=True)], WORD_BITS, most)
    witnesses += split([t - 1 - a for a, t in zip(drawn, high, strict=True)], WORD_BITS, most)
    return witnesses, [a + b for a, b in zip(u0, x, strict=True)][: statement.entries]


def contribution_witness(
    statement: Contribution, updates: Rows, word: int
) -> tuple[list[Entries], int]:
    """The witnesses and the score; `word` is the committed one, minus 2^63, and unused without noise."""
    entries = [entry for update in updates for entry in update]
    total = sum(v * u for v, u in zip(statement.validation, entries, strict=True))
    lifted = total + ((1 << statement.shift) >> 1)
    score, rest = lifted >> statement.shift, lifted % (1 << statement.shift)
    witnesses = split([rest], statement.shift, MOST)
    if not statement.has_noise:
        return witnesses, score
    summed = word + 2**63 + stream(statement.coins, 1)[0]
    drawn = summed % 2**WORD_BITS
    x = draw(statement.thresholds, drawn)
    place = x + len(statement.thresholds) // 2
    low, high = (*statement.thresholds, 2**WORD_BITS)[place : place + 2]
    witnesses += [[x], [summed >> WORD_BITS]]
    witnesses += split([drawn - low], WORD_BITS, MOST)
    witnesses += split([high - 1 - drawn], WORD_BITS, MOST)
    return witnesses, score + x
