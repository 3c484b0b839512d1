"""Story shapes of the year and the sky: a birthday, the winter, a falling star, an old house.

The form is that of shapes_daily.py.
"""

BIRTHDAY = """
It was {hero}'s birthday. [{hero} woke up before the sun.|{hero} had counted the days.] But nobody said a word about it. {elder.Name} [was busy|only
said good morning|went out early]. {hero.His} friend {friend} [did not come to play|walked past without a word]. "[They have forgotten
me|Nobody remembers my birthday]," {hero} thought, and {hero.he} felt [small and sad|very lonely]. / {hero} walked about [all morning|for a long
time] and sat down {spot}. [A tear rolled down {hero.his} nose.|{hero.He} watched the clouds and sighed.] Then {hero.he} saw {friend}, who was carrying
[something big|a large basket] and looked [left and right|very busy]. "What are you doing?" asked {hero}. "[Nothing|Oh, nothing at
all]!" said {friend}, and ran away. [{hero} was puzzled.|That was strange.] {hero.He} followed {friend} [on tiptoe|quietly]. / {spot2_cap}, {hero} stopped and
stared. There were [lanterns in the branches|{colour} ribbons everywhere|flowers everywhere]. There was {foodname}, big enough for everyone. And there were all {hero.his}
friends! "Happy birthday, {hero}!" they shouted. "[We had to keep it secret|It was so hard to say nothing]," said {friend}, and gave {hero.him}
{thing.a}. / {hero} [laughed and cried at the same time|did not know what to say]. "I thought you had forgotten me," {hero.he} said. "[Forget you? Never|How could we forget you]!" said {elder}. [They danced until the moon was high.|And everyone had two pieces of
{food}.|That night, {hero} fell asleep with the {thing} in {hero.his} arms.]
"""

WINTER = """
All summer long, {hero} gathered {ingredient} for the winter. {hero.His} friend {friend} [played in the sun|slept in the grass|sang songs]. "[Come and
play with me!|Why do you work so hard?]" said {friend}. "[Winter is still far away|The days are so warm]." "[When the snow comes, I want to be
ready|Winter comes sooner than you think]," said {hero}. / [Then the leaves fell.|The days grew short.] One morning the world was white. {friend}
[looked for something to eat|went out to find food], but {friend.he} found nothing {spot} and nothing {spot2}. [{friend.His} stomach growled.|{friend} was cold
and hungry.] At last {friend.he} knocked at {hero}'s door. "[I have been foolish|You were right]," said {friend}. "[May I have a little
food?|I have nothing to eat.]" / {hero} looked at the {ingredient} on the shelf. [There was enough for one.|There was not much to spare.] But
{hero.he} [did not have to think for long|opened the door wide]. "[Come in and sit by the fire|What is enough for one is enough for
two]," said {hero}. {hero.He} baked {foodname}, and they ate it together. To say thanks, {friend} [sang all the songs of the summer|told funny
stories every night|played music by the fire], and the winter was [not long at all|the warmest they had ever had]. / When spring came, {friend}
was the first one [to get up|at work]. "[This year we gather together|Now I will work, and you will rest]," said {friend}. [And they did.|"And in
the evening, we sing together," said {hero}.]
"""

STAR = """
[One clear night|One summer night], {hero} could not sleep. {hero.He} looked up at the sky and saw a star fall. It fell down, down, down, and landed
{spot}. {hero} [put on {hero.his} coat|tiptoed outside] and ran to find it. / There it was, a tiny star, [no bigger than a
plum|glowing softly in the grass]. "[I am lost|I fell asleep and slipped]," said the star. "[I want to go home|My family will miss me]." "[Do not be
sad|I will help you]," said {hero}. [{hero.He} climbed the highest tree, but it was not high enough.|{hero.He} threw the star up with all
{hero.his} strength, but it came down again.] {hero} woke {hero.his} friend {friend}. [{friend} rubbed {friend.his} eyes.|"A star? I must be dreaming," said
{friend}.] They tried [a ladder|a swing|a long rope], but the sky was too far away. / Then {hero} went to ask {elder}. "A star gets light when it is
happy," said {elder}. "[Make it laugh|Give it a reason to shine]." So {hero} [told it the funniest story {hero.he} knew|tickled it with a
{colour} feather], and {friend} [made silly faces|danced on one leg|fell into a puddle]. The star began to [giggle|laugh]. It [grew lighter and
lighter|glowed brighter and brighter], and slowly it rose into the air. / "[Thank you, my friends|I will never forget you]!" it called. Up and up it flew,
until it was [back in its place|one of thousands]. [Since then, one star shines a little brighter when {hero} looks up.|Every night, {hero} and {friend} wave at
the sky, and one star winks.]
"""

LONELY = """
Not far from there stood [a big old house|a dark old house] that everyone was afraid of. [They said that a monster lived in it.|Nobody had ever
knocked at its door.] One day, {hero} and {friend} were playing with a ball, and it flew [through the window|over the wall]. "[Leave it|Let us go
home]," said {friend}. "[It was my favourite ball|I will only be a minute]," said {hero}. {hero.He} [knocked three times|pushed the heavy door
open]. / Inside sat {stranger.a}, [all alone|in a big chair]. "[Is this your ball|Have you come for this]?" asked {stranger} with a [soft|sad|friendly] voice. {hero} was
so [surprised|confused] that {hero.he} [forgot to be afraid|could only nod]. "[Nobody has come to see me for years|I do not get many
visitors]," said {stranger}. "[Would you like some tea|Will you stay for a while]?" {hero} waved to {friend}, and they both came in. / {stranger.Name} [told them
about the old days|showed them how to play chess|taught them an old song]. There was tea with honey, and there was {foodname}. [The afternoon was over much too
soon.|They laughed so much that they forgot the time.] "[May we come again|Can we come back tomorrow]?" asked {friend}. {stranger.Name} smiled [for the first
time in a long while|from ear to ear]. "[My door is always open|Nothing would make me happier]," {stranger.he} said. / From then on, {hero} and {friend} visited
{stranger} every week. [They brought flowers and good news.|And soon the others came, too.] "There never was a monster," {hero} told everyone. "[There was only
somebody who needed a friend|We only had to knock]."
"""
