"""A small template language, in which the story shapes and the chat lines are written.

    [One day|One morning], {hero} went to the river. [|The sun was warm.]

Square brackets hold alternatives, of which one is chosen; they nest, and an empty one makes the text optional.
Braces name somebody or something of the cast: {hero}, {hero.his}, {thing.a}.
"""
import re


def expand(template, rng, cast):
    """One text from the template: alternatives chosen by rng, names taken from cast."""
    text = choose(template, rng).format(**cast)
    text = re.sub(r"[ \n]+", " ", text).strip()
    return text.replace(" / ", "\n\n")  # a lone slash is a paragraph's end


def choose(template, rng):
    """The template with every bracket replaced by one of its alternatives, innermost first."""
    innermost = re.compile(r"\[([^\[\]]*)\]")
    while True:
        resolved, count = innermost.subn(lambda match: rng.choice(match.group(1).split("|")), template)
        if count == 0:
            return resolved
        template = resolved
