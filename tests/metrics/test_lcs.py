"""The longest common subsequences are those of the table of dynamic programming."""

from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.metrics.lcs import Lines

# Few words, so that there are many LCS to choose from; and more than fit in 64 bits.
TOKENS = st.lists(st.sampled_from("abcd"), max_size=12)
LINES = st.lists(TOKENS, max_size=5)
LONG = st.lists(st.sampled_from("abcdefgh"), min_size=60, max_size=150)


def make_table(line, candidate):
    """Fill the table of the LCS lengths of all beginnings of two sequences."""
    table = [[0] * (len(candidate) + 1) for _ in range(len(line) + 1)]
    for i, token in enumerate(line, 1):
        for j, other in enumerate(candidate, 1):
            table[i][j] = (
                table[i - 1][j - 1] + 1
                if token == other
                else max(table[i - 1][j], table[i][j - 1])
            )
    return table


def positions_of_lcs(line, candidate):
    """Go back through the table as the docstring of `Lines.union_lcs` says."""
    table = make_table(line, candidate)
    i, j, found = len(line), len(candidate), set()
    while i and j:
        if line[i - 1] == candidate[j - 1]:
            i, j = i - 1, j - 1
            found.add(i)
        elif table[i - 1][j] < table[i][j - 1]:
            j -= 1
        else:
            i -= 1
    return found


def union_by_the_table(lines, candidates):
    """Return the positions of the union in the lines that lie end to end."""
    found, start = set(), 0
    for line in lines:
        for candidate in candidates:
            found |= {start + i for i in positions_of_lcs(line, candidate)}
        start += len(line) + 1
    return found


def set_bits(number):
    return {i for i in range(number.bit_length()) if number >> i & 1}


@given(LINES, TOKENS)
def test_the_length_is_that_of_the_joined_lines(lines, candidate):
    joined = [token for line in lines for token in line]
    table = make_table(joined, candidate)
    assert Lines(lines).lcs_length(candidate) == table[-1][-1]


@given(LINES, LINES)
def test_the_union_is_found_as_in_the_table(lines, candidates):
    found = Lines(lines).union_lcs(candidates)
    assert set_bits(found) == union_by_the_table(lines, candidates)


@given(LONG, LONG)
def test_long_sequences_are_no_different(line, candidate):
    lines = Lines([line, candidate])
    assert Lines([line]).lcs_length(candidate) == make_table(line, candidate)[-1][-1]
    expected = union_by_the_table([line, candidate], [candidate])
    assert set_bits(lines.union_lcs([candidate])) == expected


@given(LINES)
def test_a_sequence_is_its_own_lcs(lines):
    joined = [token for line in lines for token in line]
    assert Lines(lines).lcs_length(joined) == len(joined)
    assert Lines(lines).union_lcs(lines).bit_count() == len(joined)


def test_of_two_lcs_the_union_takes_the_one_that_the_way_back_finds():
    # "b" is dropped from the candidate only if the length depends on it; it doesn't.
    assert set_bits(Lines([["a", "b"]]).union_lcs([["b", "a"]])) == {0}
    assert set_bits(Lines([["a", "b"]]).union_lcs([["b", "a"], ["b"]])) == {0, 1}


def test_nothing_has_nothing_in_common():
    for lines in ([], [[]], [[], []]):
        assert Lines(lines).lcs_length(["a"]) == 0
        assert Lines(lines).union_lcs([["a"], []]) == 0
    assert Lines([["a"]]).lcs_length([]) == 0
    assert Lines([["a"]]).union_lcs([]) == 0
