"""What the stories are about: people, animals, places and things, with what each of them needs to be told of.

Everything is plain ASCII and in lower case unless it is a name. The tables hold only words that fit wherever a
story shape may put them, so a shape never has to ask which entry it was given.
"""

GIRLS = """Lily Mia Anna Rosie Clara Ella Nora Emma Ruby Daisy Ivy Lucy Hazel Molly Sara Amy Zoe Maya Tess Kate
Nina Alice Grace Jane Lena Olga Pia Vera Hanna June""".split()

BOYS = """Tom Ben Max Sam Leo Jack Finn Noah Oscar Peter Theo Hugo Adam Luke Eli Paul Milo Henry Felix Jonas
Omar Ravi Ivan Karl Otto Will Toby Simon Aron Nils""".split()

# Animals that live wild, each with the words that may stand before it.
ANIMALS = {
    "fox": ("young", "red", "clever", "little"),
    "rabbit": ("small", "white", "brown", "shy"),
    "mouse": ("tiny", "grey", "little", "brave"),
    "bear": ("young", "big", "brown", "gentle"),
    "hedgehog": ("little", "round", "shy", "sleepy"),
    "squirrel": ("quick", "red", "little", "busy"),
    "frog": ("green", "little", "cheerful", "small"),
    "duck": ("yellow", "little", "young", "cheerful"),
    "turtle": ("slow", "little", "patient", "green"),
    "deer": ("young", "gentle", "shy", "quick"),
    "badger": ("young", "stubborn", "kind", "busy"),
    "otter": ("playful", "young", "brown", "cheerful"),
    "beaver": ("busy", "young", "clever", "strong"),
    "sparrow": ("tiny", "brown", "cheerful", "brave"),
    "raccoon": ("curious", "young", "clever", "playful"),
    "mole": ("small", "shy", "quiet", "kind"),
    "wolf": ("young", "grey", "lonely", "strong"),
    "goose": ("white", "young", "proud", "noisy"),
}

ANIMAL_NAMES = {
    "she": "Poppy Willow Pearl Tilly Fern Maple Honey Bella Luna Coco Dot Juniper".split(),
    "he": "Pip Rusty Bruno Hoppy Basil Oliver Chip Nutmeg Digby Bramble Rolo Ziggy".split(),
}

# Where children live: the place, as it follows 'lived', then spots in it that one can search, hide in or rest at.
TOWNS = {
    "in a small village by the sea": (
        "under the old boat", "behind the lighthouse", "among the rocks", "beside the fishing nets",
        "at the end of the pier"),
    "in a quiet village at the foot of a mountain": (
        "beside the stone bridge", "behind the mill", "under the tall pine tree", "near the waterfall",
        "along the goat path"),
    "in a little town with narrow streets": (
        "behind the bakery", "under the bench in the square", "beside the fountain", "near the clock tower",
        "at the corner of the market"),
    "in a house at the edge of a forest": (
        "under the oak tree", "behind the woodpile", "among the ferns", "beside the stream", "near the gate"),
    "on a farm with a red barn": (
        "in the barn", "behind the henhouse", "under the apple tree", "beside the pond", "among the tall corn"),
    "in a big city with many bridges": (
        "in the park", "under the iron bridge", "beside the playground", "behind the library",
        "near the flower shop"),
    "in a cottage beside a lake": (
        "in the tall reeds", "under the willow tree", "beside the old dock", "behind the garden shed",
        "near the row of birches"),
}

# Where animals live, in the same form.
WILDS = {
    "in a deep green forest": (
        "under the oak tree", "among the ferns", "behind the fallen log", "beside the brook", "near the mossy rocks"),
    "in a sunny meadow": (
        "among the daisies", "under the hawthorn bush", "beside the old fence", "behind the haystack",
        "near the tall thistles"),
    "in a valley with a winding river": (
        "in the tall reeds", "under the willow tree", "beside the stepping stones", "behind the waterfall",
        "near the beaver dam"),
    "on a hill covered with heather": (
        "behind the big stone", "under the lone pine tree", "beside the spring", "among the purple flowers",
        "near the old wall"),
    "in a garden behind a yellow house": (
        "under the rose bush", "among the cabbages", "behind the water barrel", "beside the garden wall",
        "near the compost heap"),
    "in a wood full of birch trees": (
        "under the birch roots", "behind the hollow stump", "among the mushrooms", "beside the muddy pond",
        "near the blackberry hedge"),
}

# Things to own, lose, find or give. Each with words that may stand before it, and what one does with it.
THINGS = {
    "kite": (("red", "blue", "striped", "yellow"), "fly it on the hill"),
    "ball": (("red", "green", "striped", "bouncy"), "throw it high into the air"),
    "scarf": (("warm", "red", "woollen", "purple"), "wear it every day"),
    "hat": (("straw", "green", "funny", "pointed"), "wear it everywhere"),
    "drum": (("wooden", "small", "painted", "old"), "play it in the morning"),
    "whistle": (("silver", "tin", "shiny", "little"), "blow it on the way home"),
    "bell": (("golden", "silver", "tiny", "brass"), "ring it before supper"),
    "key": (("silver", "old", "rusty", "golden"), "keep it on a string"),
    "lantern": (("paper", "old", "bright", "little"), "light it in the evening"),
    "blanket": (("soft", "blue", "warm", "patched"), "curl up in it at night"),
    "basket": (("round", "brown", "old", "strong"), "fill it with berries"),
    "boat": (("toy", "wooden", "little", "white"), "sail it on the water"),
    "flute": (("wooden", "silver", "long", "old"), "play it at sunset"),
    "marble": (("glass", "green", "shiny", "round"), "roll it along the path"),
    "shell": (("pink", "white", "smooth", "shiny"), "hold it to one ear and listen"),
    "feather": (("blue", "white", "long", "golden"), "look at it in the sun"),
    "book": (("thick", "blue", "old", "small"), "read it in the shade"),
    "map": (("old", "folded", "torn", "secret"), "study it for hours"),
    "music box": (("old", "painted", "tiny", "silver"), "listen to it before bed"),
    "umbrella": (("yellow", "big", "spotted", "red"), "open it in the rain"),
    "button": (("brass", "blue", "shiny", "big"), "polish it with a leaf"),
    "spoon": (("wooden", "silver", "old", "long"), "stir soup with it"),
}

COLOURS = "red blue green yellow purple violet white silver golden pink".split()

# Baked things, each with what must be gathered for it.
FOODS = {
    "apple pie": "apples", "blueberry cake": "blueberries", "hazelnut bread": "hazelnuts", "carrot cake": "carrots",
    "plum tart": "plums", "mushroom pie": "mushrooms", "cherry tart": "cherries", "pumpkin pie": "pumpkins",
    "walnut cake": "walnuts", "strawberry cake": "strawberries", "pear tart": "pears", "raspberry pie": "raspberries",
}

FLOWERS = "sunflower rose tulip daisy lily poppy bluebell violet".split()

# What can be learned: the skill, the first attempt, the advice, the moment it works.
SKILLS = {
    "swim": ("sank like a stone and swallowed some water", "Breathe slowly and kick with your legs",
             "crossed the whole pond"),
    "whistle": ("made nothing but a wet little puff", "Make your mouth small and blow gently",
                "whistled a bright, clear tune"),
    "skip stones": ("threw the first stone, and it went straight to the bottom", "Choose a flat stone and throw it low",
                    "made a stone hop seven times"),
    "climb trees": ("slipped off the very first branch", "Hold on with both arms and look up, not down",
                    "reached the highest branch"),
    "dance": ("tripped and sat down in the grass", "Listen to the music first, and then move",
              "danced until the stars came out"),
    "sing": ("sounded like a squeaky door", "Open your mouth wide and think of something happy",
             "sang a whole song without one wrong note"),
    "skate": ("fell down before the first turn", "Bend your knees and keep your eyes on the far shore",
              "glided across the ice like a swan"),
    "paint": ("spilled blue paint over everything", "Use a little water and take your time",
              "painted a picture of the whole valley"),
    "juggle": ("dropped everything at once", "Start with two, and only then add a third",
               "kept three apples in the air"),
    "row a boat": ("went round and round in a circle", "Pull with both arms at the same time",
                   "rowed all the way to the island and back"),
}

FEARS = {
    "the dark": ("when the candle was blown out", "the dark was only the day with its eyes closed",
                 "counted the stars through the leaves"),
    "thunder": ("when the sky began to rumble", "thunder was only the clouds bumping into each other",
                "laughed at every loud boom"),
    "deep water": ("when the water was more than a foot deep", "the water would carry anyone who trusted it",
                   "floated on the water like a leaf"),
    "high places": ("when the path went up", "it was best to look at the sky and not at the ground",
                    "stood at the very top and waved"),
    "strangers": ("when somebody new came by", "every friend was a stranger once",
                  "said hello to everybody on the path"),
    "the old bridge": ("when the boards began to creak", "the bridge had carried heavier feet for a hundred years",
                       "walked across with a steady step"),
    "the wind": ("when the branches began to shake", "the wind only wanted somebody to play with",
                 "ran through the wind with open arms"),
}

WEATHER = (
    "The sun was shining", "The air smelled of rain", "A soft wind was blowing", "The sky was clear and blue",
    "White clouds were drifting by", "The birds were singing", "The grass was still wet with dew",
    "The leaves were turning gold", "A thin mist lay on the ground", "It was warm and still",
)

SOUNDS = {
    "tapping": "a woodpecker that had lost its way in the dark",
    "humming": "a family of bees that had moved into an old box",
    "scratching": "a kitten that wanted to come in out of the cold",
    "crying": "a baby owl that had fallen out of its nest",
    "rattling": "the wind, playing with an old tin cup",
    "splashing": "a duck that was washing its feet",
    "knocking": "a loose branch that swung in the wind",
    "whistling": "the wind, blowing over an empty bottle",
}

MISHAPS = {
    "vase": "blue", "jug": "clay", "lamp": "glass", "plate": "painted", "teapot": "white", "window": "round",
    "clock": "wooden", "mirror": "little", "bowl": "green", "flowerpot": "big",
}

PROJECTS = {
    "raft": ("logs and rope", "it tipped to one side", "put the heavy logs in the middle",
             "floated all the way down the river"),
    "treehouse": ("boards and nails", "the floor began to wobble", "tied the boards to the thickest branch",
                  "sat up there until it grew dark"),
    "bridge": ("stones and planks", "the middle fell into the water", "laid a big flat stone underneath",
               "walked over it with dry feet"),
    "swing": ("a rope and an old board", "the knot came undone", "made a double knot",
              "swung so high that the leaves tickled their toes"),
    "scarecrow": ("straw and an old coat", "its head fell off", "used a pumpkin for the head",
                  "watched the crows fly away in surprise"),
    "snowman": ("three big balls of snow", "the top one rolled away", "packed the snow as hard as they could",
                "gave it a carrot for a nose"),
    "kite": ("paper and thin sticks", "it dived straight into the grass", "gave it a longer tail",
             "watched it climb above the hill"),
    "sandcastle": ("sand and shells", "a wave washed one wall away", "dug a deep ditch all around it",
                   "put a flag on the highest tower"),
}
