"""Short conversations in ChatML: somebody asks for a story or an addition, and the assistant answers."""
import additions
import grammar
import stories

SYSTEM = """[You are a helpful assistant.|You are a friendly assistant.|You tell little stories and add numbers.|You are a
storyteller.|You help children.|Answer in a friendly way.|You are a small language model.]"""

ASK_STORY = """[[Tell me|Please tell me|Can you tell me|Write|Please write|Write me|I would like] a [|short |little |nice ]story[|
please]|[Tell|Write] a [|short ]story|A story, please|Give me a story|[Could|Can] you write a [|little |short ]story]"""

ASK_STORY_ABOUT = """[[Tell me|Please tell me|Can you tell me|Write|Please write|Write me|I would like] a [|short |little |nice
]story|[Tell|Write] a [|short ]story|A story|Give me a story|[Could|Can] you write a [|little |short ]story|Do you know a story]
about {topic}"""

ASK_SUM = """[[What is|How much is|Calculate|Compute|Can you work out|Please add|Tell me] {a} + {b}|[What is|How much is] {a} plus
{b}|[Add|Please add|Can you add] {a} and {b}|What is the sum of {a} and {b}|{a} + {b}|{a} + {b} =|{a} plus {b}]"""

# What else a newcomer may say, and the answer: the model says honestly what it can do.
SMALL_TALK = (
    ("[Hello|Hi|Hey|Good morning|Good evening][| there][|!|.]",
     "Hello! [Would you like a story or an addition?|I can tell you a story or add two numbers.|What can I do for you?]"),
    ("[Who|What] are you?",
     "I am a very small language model. I can tell little stories and add two numbers up to 99."),
    ("[What can you do|How can you help me|What do you know]?",
     "I can tell little stories, and I can add two numbers from 0 to 99."),
    ("[How are you|How are you today|How do you feel]?",
     "[I am fine, thank you.|I am very well.] [Would you like a story?|Shall I add two numbers for you?]"),
    ("[Thank you|Thanks|Thank you very much|That was nice|Great|Good][|!|.]",
     "You are welcome! [|Come back when you want another story.|I liked it, too.]"),
    ("[Goodbye|Bye|Good night|See you][|!|.]", "[Goodbye! Sleep well.|Goodbye, and come again!]"),
    ("""[What is the capital of France|Who wrote this book|How far is the moon|What day is it today|Can you write a program|Who
    is the president|What is the weather like|How do I cook rice|What is the meaning of life|Can you translate this text|Why is
    the sky blue|When does the train leave]?""",
     "I am sorry, I do not know that. I only know little stories and additions."),
)

SYSTEM_SHARE = 0.4  # how many conversations begin with a system message


def topic(rng, story):
    """Something that the story is truly about, as a request would name it."""
    hero, friend, thing = story.cast["hero"], story.cast["friend"], story.cast["thing"]
    topics = [hero.plain, hero.plain, f"{hero.plain} named {hero}", f"{hero.a} named {hero}", hero.name, story.theme]
    if friend.name in story.text:
        topics.append(f"{hero} and {friend}")
    if friend.the in story.text or friend.a in story.text:
        topics.append(f"{hero.plain} and {friend.plain}" if friend.kind != hero.kind else f"{hero} and {friend}")
    if thing.noun in story.text:
        topics += [thing.plain, f"{hero.plain} and {thing.plain}", f"{hero.plain} with {thing.plain}"]
    return rng.choice(topics)


def story_turn(rng):
    story = stories.tell(rng)
    if rng.random() < 0.25:
        request, names = ASK_STORY, {}
    else:
        request, names = ASK_STORY_ABOUT, {"topic": topic(rng, story)}
    return grammar.expand(request, rng, names) + rng.choice((".", "?", "!", "")), story.text


def sum_turn(rng):
    a, b = additions.draw(rng)
    request = grammar.expand(ASK_SUM, rng, {"a": a, "b": b})
    return request + rng.choice(("?", "?", ".", "")), additions.prompt(a, b) + additions.answer(a, b) + "."


def small_talk_turn(rng):
    return tuple(grammar.expand(line, rng, {}) for line in rng.choice(SMALL_TALK))


def conversation(rng, n_turns, n_stories):
    """A list of (role, text): a system message now and then, then n_turns of user and assistant.

    At most n_stories of the answers are stories, so that the conversation fits the context.
    """
    messages = []
    if rng.random() < SYSTEM_SHARE:
        messages.append(("system", grammar.expand(SYSTEM, rng, {})))
    for _ in range(n_turns):
        kinds = [sum_turn] * 6 + [small_talk_turn] + [story_turn] * (3 if n_stories else 0)
        turn = rng.choice(kinds)
        n_stories -= turn is story_turn
        request, reply = turn(rng)
        messages += [("user", request), ("assistant", reply)]
    return messages
