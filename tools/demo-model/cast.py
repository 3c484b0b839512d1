"""Who and what a story has in it: characters with their pronouns, places with their spots, things with their articles.

A story draws its cast once and then refers to it, so names, pronouns and objects stay the same to the end.
"""
from dataclasses import dataclass

import words


def with_article(phrase):
    """'red kite' -> 'a red kite', 'old drum' -> 'an old drum'."""
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def capital(text):
    return text[0].upper() + text[1:]


PRONOUNS = {"she": ("she", "her", "her", "herself"), "he": ("he", "him", "his", "himself")}


@dataclass(frozen=True)
class Character:
    """A template writes {hero} for the name, {hero.he} for she or he, {hero.a} for 'a little girl', and so on."""
    name: str
    kind: str  # "girl", "fox"
    adjective: str
    gender: str  # a key of PRONOUNS

    def __str__(self):
        return self.name

    he = property(lambda self: PRONOUNS[self.gender][0])
    him = property(lambda self: PRONOUNS[self.gender][1])
    his = property(lambda self: PRONOUNS[self.gender][2])
    himself = property(lambda self: PRONOUNS[self.gender][3])
    He = property(lambda self: capital(self.he))
    His = property(lambda self: capital(self.his))
    a = property(lambda self: with_article(f"{self.adjective} {self.kind}"))
    the = property(lambda self: f"the {self.kind}")
    The = property(lambda self: f"The {self.kind}")
    plain = property(lambda self: with_article(self.kind))


@dataclass(frozen=True)
class Thing:
    """{thing} is 'kite', {thing.a} 'a red kite', {thing.the} 'the red kite', {thing.full} 'red kite'."""
    noun: str
    adjective: str
    use: str

    def __str__(self):
        return self.noun

    full = property(lambda self: f"{self.adjective} {self.noun}")
    a = property(lambda self: with_article(self.full))
    the = property(lambda self: f"the {self.full}")
    plain = property(lambda self: with_article(self.noun))


@dataclass(frozen=True)
class Elder:
    """Somebody old and wise: {elder} within a sentence, {elder.Name} at its start."""
    name: str
    gender: str

    def __str__(self):
        return self.name

    Name = property(lambda self: capital(self.name))
    a = property(lambda self: with_article(self.name.removeprefix("the ")))
    he = property(lambda self: PRONOUNS[self.gender][0])
    He = property(lambda self: capital(self.he))
    his = property(lambda self: PRONOUNS[self.gender][2])
    him = property(lambda self: PRONOUNS[self.gender][1])


HUMAN_ELDERS = tuple(Elder(name, gender) for name, gender in (
    ("Grandma", "she"), ("Grandpa", "he"), ("Mama", "she"), ("Papa", "he"), ("Aunt May", "she"),
    ("Uncle Fred", "he"), ("the old baker", "he"), ("the old fisherman", "he"), ("the old teacher", "she")))
ANIMAL_ELDERS = tuple(Elder(name, gender) for name, gender in (
    ("the wise old owl", "she"), ("the old tortoise", "he"), ("the grey heron", "he"), ("the old raven", "she"),
    ("Grandmother Toad", "she"), ("Grandfather Stag", "he")))

# Somebody whom nobody knows yet, unlike an elder.
HUMAN_STRANGERS = tuple(Elder(f"the old {kind}", gender) for kind, gender in (
    ("woman", "she"), ("man", "he"), ("sailor", "he"), ("gardener", "she"), ("clockmaker", "he"), ("painter", "she")))
ANIMAL_STRANGERS = tuple(Elder(f"the old {kind}", gender) for kind, gender in (
    ("goat", "she"), ("crow", "he"), ("donkey", "he"), ("cat", "she"), ("hare", "he"), ("swan", "she")))


def draw_child(rng, gender):
    names, kind = (words.GIRLS, "girl") if gender == "she" else (words.BOYS, "boy")
    return Character(rng.choice(names), kind, rng.choice(("little", "small", "young", "clever", "kind", "curious")),
                     gender)


def draw_animal(rng, gender, not_kind=None):
    kind = rng.choice([kind for kind in words.ANIMALS if kind != not_kind])
    return Character(rng.choice(words.ANIMAL_NAMES[gender]), kind, rng.choice(words.ANIMALS[kind]), gender)


def draw_thing(rng):
    noun = rng.choice(list(words.THINGS))
    adjectives, use = words.THINGS[noun]
    return Thing(noun, rng.choice(adjectives), use)


def draw_cast(rng):
    """The people, the place and the things of one story: what every shape may refer to.

    Hero and friend differ in pronoun, so that 'she' and 'he' always tell who is meant.
    """
    gender, other = rng.sample(("she", "he"), 2)
    wild = rng.random() < 0.5
    if wild:
        hero = draw_animal(rng, gender)
        friend = draw_animal(rng, other, hero.kind)
        place, spots = rng.choice(list(words.WILDS.items()))
        elder, stranger = rng.choice(ANIMAL_ELDERS), rng.choice(ANIMAL_STRANGERS)
    else:
        hero = draw_child(rng, gender)
        friend = draw_child(rng, other)
        place, spots = rng.choice(list(words.TOWNS.items()))
        elder, stranger = rng.choice(HUMAN_ELDERS), rng.choice(HUMAN_STRANGERS)
    spot, spot2, spot3 = rng.sample(spots, 3)
    food = rng.choice(list(words.FOODS))
    return {
        "hero": hero, "friend": friend, "elder": elder, "stranger": stranger, "place": place, "spot": spot, "spot2": spot2, "spot3": spot3,
        "thing": draw_thing(rng), "weather": rng.choice(words.WEATHER), "food": food,
        "ingredient": words.FOODS[food], "colour": rng.choice(words.COLOURS), "flower": rng.choice(words.FLOWERS),
    }
