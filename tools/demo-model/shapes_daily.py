"""Story shapes of everyday life: something is lost, learned, shared, made, broken or feared, and comes right.

A shape is a theme (how somebody asks for such a story), the tables it draws extra words from, and its template.
The template language is described in grammar.py, the cast in cast.py.
"""

LOST = """
{hero} had {thing.a}. [It had been a birthday present from {elder}.|{elder.Name} had made it with great care.|It was the
finest {thing} in the world.|{hero.He} had found it one spring morning.] {hero} loved to {use}. / [One day|One
morning|One windy afternoon], the {thing} was gone. [{hero} looked everywhere.|{hero.His} heart sank.|"Where is my
{thing}?" cried {hero}.] {hero.He} looked {spot}, but [it was not there|there was nothing but leaves|{hero.he} found only an
old shoe]. {hero.He} looked {spot2}, but it was not there either. {hero} sat down and [began to cry|felt very sad|did not know
what to do]. / [Just then|After a while|A little later], {hero.his} friend {friend} came by. "[What is the matter|Why are you so
sad]?" asked {friend}. "I have lost my {thing.full}," said {hero}. "[Do not worry|Do not cry]," said {friend}. "[We will find it
together|Two of us will see more than one|I will help you look for it]." They [searched all day|walked along every path|asked
everyone they met]. At last {friend} looked {spot3}, and there it was! [The {thing} was a little dusty, but it was not
broken.|The {thing} was lying there as if it had been waiting for them.] / {hero} [jumped for joy|was so happy that {hero.he}
danced|laughed and hugged {friend}]. "Thank you, {friend}!" said {hero}. [From that day on, {hero} and {friend} shared the
{thing}.|That evening they took the {thing.full} home together.|"A good friend is worth more than any {thing}," said {hero}.]
"""

LEARN = """
[More than anything, {hero} wanted to {skill}.|{hero} had one big wish. {hero.He} wanted to learn to {skill}.|Everybody {hero} knew
could {skill}, but {hero} could not.] [One day|One summer morning], {hero.he} tried it for the first time. {hero.He} {failure}.
[{hero} felt foolish.|Somebody laughed, and {hero} turned red.|{hero} was sad and tired.] "[I will never learn it|It is too hard
for me]," {hero.he} said. / {elder.Name} had seen it all. "[Everyone falls before they fly|Nobody can do it the first time|I
needed a whole year to learn it]," said {elder}. "{advice}. [And do not give up|And try again tomorrow|And be patient]." So
{hero} [practised every day|tried again and again|came back every morning]. [Sometimes it rained, but {hero} did not
stop.|The first day was hard. The second day was a little better.|{hero.His} friend {friend} came along and cheered.] /
Then, [one evening|on the seventh day|when nobody was looking], {hero.he} {success}. "[Look! I can do it|I did it]!" shouted
{hero}. {elder.Name} [smiled|nodded|clapped]. "[I knew you could|You did not give up, and that is the whole secret]," {elder.he}
said. [From then on, {hero} could {skill} better than anyone.|And the next day, {hero} began to teach {friend}.|{hero} was tired
and very proud.]
"""

SHARE = """
One day, {elder} [made|baked|cooked] {hero} a fine {food}. [It smelled wonderful.|It was still warm.|It was big enough for
three.] {hero} carried it outside and sat down {spot}. / Soon {hero.his} friend {friend} came along the path. "[That smells
so good|What a fine {food}]," said {friend}. "[May I have some|Will you share it with me]?" [{hero} shook {hero.his} head.|{hero}
held the {food} tight.] "No," said {hero}. "It is mine." {friend} [said nothing and walked away|looked at the ground and went home].
/ {hero} began to eat. But [the {food} did not taste as good as before|it was lonely to eat without a friend|after three bites
{hero.he} was not hungry anymore]. {hero} thought about {friend}'s sad face. [Then {hero.he} stood up and ran.|"I was not kind,"
{hero.he} said to {hero.himself}.] {hero.He} found {friend} {spot2}. "I am sorry," said {hero}. "[Please eat with me|Half of it is
yours]." {friend} smiled. / They sat side by side and shared the {food} [until nothing was left|while the sun went
down|and told each other stories]. "[It tastes much better now|Now it is twice as good]," said {hero}. [And it was true.|From
that day on, {hero} always shared with {hero.his} friends.|The next day, {friend} brought a basket of {ingredient} for {hero}.]
"""

MAKE = """
[One bright morning|One day], {hero} had an idea. "[Let us build a {project}|I want to build a {project}]!" {hero.he} said to
{hero.his} friend {friend}. "[That is a wonderful idea!|What do we need?|When do we start?]" said {friend}. [They looked for {parts}.|They gathered
{parts}.|It took them all morning to find {parts}.] / They worked [hard|side by side|all afternoon]. {hero} held and {friend}
pushed. But when the {project} was almost ready, {trouble}. "[Oh no|Oh dear]!" cried {friend}. "[All that work for nothing|What shall we
do now]?" {hero} [sat down to think|scratched {hero.his} head|walked around it twice]. / Then {elder} [came by|looked over the
fence|stopped to watch]. "[Every builder makes mistakes|A mistake is only a lesson]," said {elder}. "Look closely. What is it
that does not hold?" {hero} looked again, and then {hero.he} knew. So they {repair}. [This time it held.|It was much better than
before.|"Now it is right," said {friend}.] / When the {project} was finished, {hero} and {friend} {delight}. [It was the best
{project} anyone had ever seen.|"We built it ourselves," they told everyone.|{hero} fell asleep that night with a smile.]
"""

HONEST = """
One day, {hero} was playing [inside|with {hero.his} friend {friend}|all alone] at {elder}'s house. [{hero.He} knew that it was
not allowed to run there.|It was raining outside.|{hero.He} spun around and around.] Suddenly there was a loud crash. The {broken.full}
was broken! / {hero} was afraid. [{hero.He} hid the pieces {spot}.|{hero.He} swept up the pieces and hid them {spot}.] When {elder} came
home, {elder.he} asked, "Where is my {broken.full}?" "[I do not know|Maybe the wind took it]," said {hero}. But [that night {hero} could
not sleep|{hero.his} stomach began to hurt|{hero.he} could not look {elder} in the eye]. The secret felt as heavy as a stone. /
In the morning, {hero} [brought the pieces to {elder}|took a deep breath and told the truth]. "I broke the {broken}, and I
hid it," {hero.he} said. "I am very sorry." {elder.Name} was quiet for a moment. Then {elder.he} [smiled|took {hero} by the
hand|nodded]. "A {broken} can be mended," {elder.he} said. "[It was brave of you to tell me|The truth is worth more to me]." / Together
they [glued the {broken}, piece by piece|mended the {broken} with care]. [It looked a little crooked, but {elder} kept it in
the best place of all.|It was not perfect, but they both liked it even more.] And {hero} [felt as light as a feather|never hid the
truth again|slept very well that night].
"""

FEAR = """
{hero} was not afraid of [spiders|loud dogs|cold water|bees], but {hero.he} was afraid of {fear}. [{hero.He} never told
anyone.|{hero.His} friends did not understand it.] {hero.His} knees shook {moment}. / [One evening|One day], {hero.his} little friend {friend}
did not come home. [Everyone was worried.|{elder.Name} called and called, but there was no answer.] "[I saw {friend.him}
{spot}|Maybe {friend.he} is {spot}]," said {hero}. To get there, one had to face {fear}. [{hero} swallowed hard.|{hero.His} heart beat
like a drum.] / Then {hero} remembered the words of {elder}, that {truth}. {hero.He} took [one step, and then another|a deep
breath and went on]. [It was not easy, but it was not so bad either.|With every step, {hero.he} felt a little braver.] And
there was {friend}, {spot}, [with a hurt foot|cold and tired|too scared to move]. "[You came for me|I knew somebody would come]!" said
{friend}. {hero} [took {friend.him} by the hand|held {friend.him} tight] and brought {friend.him} home. / "[Were you not afraid?|You are very brave,]" said {friend}. "I was afraid," said {hero}, "but [you needed me|I went anyway]." [The next time, {hero} {triumph}.|From that
day on, {hero} was not so afraid of {fear}. Sometimes {hero.he} even {triumph}.]
"""

BAKE = """
[It was {elder}'s birthday|Winter was coming|There was a feast that evening], and {hero} wanted to make {foodname} for everyone.
{hero.He} needed {ingredient}, but the basket was empty. [So {hero.he} took the basket and went out.|"Then I will go and find
some," {hero.he} said.] / First {hero} looked {spot}, and found [only a few|none at all]. Then {hero.he} met {friend}, {friend.a}.
"[I know where the best {ingredient} are|There are plenty of {ingredient} not far from here]," said {friend}. "[Will you let me taste
the {food}|May I help you]?" "Of course," said {hero}. {friend} led the way, and {spot2} they found {ingredient}, more than they could
carry. They filled the basket [to the top|until the handle creaked]. / Back home they [washed and cut and stirred|worked and sang].
[Once they almost forgot the salt.|{friend} got flour on {friend.his} nose, and they both laughed.|The kitchen grew warm and bright.]
Soon the whole place smelled of {food}. When {elder} came in, {elder.he} [stopped at the door in surprise|closed {elder.his} eyes and
smiled]. "[Is that for me? Who made this?|Who made this wonderful {food}?]" {elder.he} asked. "We did," said {hero} and {friend} together. / Everyone ate until [they
were full|the plate was empty|the moon came up]. [It was the best {food} of the year.|"Next time we will make two," said {hero}.|And
nobody left a single crumb.]
"""

GARDEN = """
One spring day, {elder} gave {hero} a tiny seed. "[Plant it and take care of it|Be patient with it]," said {elder}. "[It will surprise
you|One day it will thank you]." {hero} planted the seed {spot}. / Every morning {hero} [brought a cup of water|looked at the
ground]. [One week went by|Many days went by], and nothing happened. "[Maybe it is asleep|Maybe it is a bad seed]," said {hero.his}
friend {friend}. [{friend} wanted to dig it up, but {hero} said no.|{hero} was sad, but {hero.he} did not give up.] {hero.He} kept
on watering, [in wind and in rain|even when it was cold], and sometimes {hero.he} told the seed a story. / Then, [one warm
morning|after a night of rain], there was a small green leaf. "{friend}, come and look!" shouted {hero}. The plant grew and grew.
First it was as tall as {hero.his} hand, and then [it was as tall as {hero}|it was taller than the fence]. And [at the start of
summer|on the longest day of the year], it opened. It was a {colour} {flower}, [the most beautiful {hero} had ever seen|as big as a
plate|and it smelled like honey]. / [{hero} gave the first flower to {elder}.|{hero} and {friend} sat beside it until evening.]
"[Good things take time|It only needed somebody who believed in it]," said {elder}. [And in autumn, {hero} had a hundred new
seeds to share.|And {hero} knew that it was true.]
"""
