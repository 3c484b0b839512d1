"""Story shapes of adventure: somebody in need, a journey, a mystery, a contest, a wish, a stranger.

The form is that of shapes_daily.py.
"""

RESCUE = """
[One day|One cold morning|One afternoon], {hero} was walking near the river when {hero.he} heard a [small|thin|weak] voice. "Help
me!" it called. {hero} [ran to see|followed the sound]. {spot_cap}, {hero.he} found {friend}, {friend.a}. [{friend.His} foot was caught under a
heavy branch.|{friend} had fallen into a deep hole.|{friend} was stuck in the mud and could not move.] / "Do not be afraid," said {hero}. "[I will
help you|I will get you out]." {hero.He} [pulled and pulled|tried with all {hero.his} strength], but {hero.he} was too weak to do it
alone. Then {hero.he} had an idea. {hero.He} [fetched a long rope|found a strong stick] and called {elder}. Together they [pulled
once more|tried it again], [one, two, three|slowly and carefully], and at last {friend} was free. / {hero} [gave {friend.him} warm
soup|wrapped {friend.him} in a blanket|washed the scratch with clean water] and stayed until {friend.he} felt better. "[How can I ever
thank you?|Nobody was ever so kind to me!]" said {friend}. "[Just be my friend|You would do the same for me]," said {hero}. / [Not long
after|The next winter|Some days later], {hero} [lost the way in a thick fog|slipped on the wet stones] and could not get home. And who came
to help? It was {friend}, [with a lantern in one hand|running as fast as {friend.he} could]. [Kindness always finds its way
back.|Since that day, the two of them have always been together.|"Now we are even," said {friend}, and they laughed all the way home.]
"""

JOURNEY = """
[One day|One morning in autumn], {hero} wanted to bring {thing.a} to {elder}, who lived on the other side of the [hills|forest|river].
It was a long way. [{hero} packed some bread and cheese.|{hero} put on {hero.his} good boots.|"Be careful," said everyone.] / {weather} when
{hero.he} set out. [At noon|Halfway there], {hero} came to a place where the path was [blocked by a fallen tree|washed away by the
rain|covered with thorns]. There sat {friend}, {friend.a}, who [was lost|did not know how to go on]. "[Nobody can get through
here|I have been sitting here all day]," said {friend}. {hero} [looked to the left and to the right|thought for a while]. "[If we
help each other, we can do it|Hold my hand and follow me]," {hero.he} said. [They climbed and they crawled.|First {hero} lifted
{friend}, and then {friend} pulled {hero} up.] Soon they were on the other side. / They walked on together. [They sang songs to make the
way shorter.|They shared the last piece of bread.] The sun was already low when they saw a light [between the trees|in a small window|behind the last bend]. It was {elder}'s house!
{elder.Name} opened the door. "[You came all this way to see me|What a surprise]!" said {elder}. {hero} held out the {thing}. {elder.Name} was so
[happy|touched] that {elder.he} [had to sit down|laughed and cried at once]. / They had hot soup and [warm bread|apple tea], and {hero} told the whole
story. "[The best gift is the way you came|The road is short when you have a friend]," said {elder}. [That night they slept by the
fire.|And {friend} did not feel lost anymore.]
"""

MYSTERY = """
[One night|Late one evening], {hero} woke up. There was a strange sound. It was a [soft|quiet|slow] {sound}, and it came from outside.
"[What can that be|Is it a ghost]?" {hero.he} whispered. [{hero} pulled the blanket over {hero.his} head.|{hero} lay very still.] The
{sound} went on and on. / The next day, {hero} told {hero.his} friend {friend} about it. "[We must find out|Let us keep watch
tonight]," said {friend}. [So they took a lantern and waited.|When it was dark, they lit a lantern and hid {spot}.] They waited [for an hour|until the
moon was high]. Then they heard it again. {friend} [held {hero}'s hand|turned pale]. "[Let us run|I am scared]," {friend.he} said. "[Not
yet|Just a few more steps]," said {hero}. / Step by step, they came closer. The {sound} came from somewhere {spot2}. {hero} lifted the
lantern, and there was no ghost and no monster. It was only {source}! {hero} and {friend} [looked at each other and burst out
laughing|laughed until their sides hurt]. / "[And I was so afraid|We were afraid of nothing]!" said {friend}. "[Things look smaller when you
come close|It is always better to look]," said {hero}. [Then they went home and slept until noon.|After that night, {hero} was not
afraid of strange sounds anymore.|In the morning they told {elder}, who laughed with them.]
"""

CONTEST = """
Every year there was a great [race|race around the lake|race up the hill]. {hero} [had trained all summer|wanted to win more than
anything]. So did {friend}, {friend.a}, who [had won the last time|was very fast]. "[You will never beat me|I will be first again]," said
{friend}. [{hero} said nothing.|"We will see," said {hero}.] / [On the day of the race|On the great day], {weather_low}. {elder.Name} rang the
bell, and off they went! [{friend} was in front, and {hero} was close behind.|{hero} ran as {hero.he} had never run before.|At
first they ran side by side.] Then, {spot}, {friend} [slipped and fell|tripped over a root]. "[My foot|It hurts]!" cried
{friend}. Now {hero} was in front. [{hero.He} could see the finish.|The prize was so near.] / But {hero} [stopped|turned around]. {hero.He} helped
{friend} up and let {friend.him} lean on {hero.his} shoulder. [Slowly|Step by step], they walked on together. The others ran past them, one after
the other. {hero} and {friend} came in last of all, [arm in arm|tired and dusty]. / It was quiet for a moment. Then everyone [began to
clap|cheered]. {elder.Name} gave {hero} [a crown of flowers|a {colour} ribbon]. "[The fastest won the race, but you won our
hearts|A kind heart is the first prize]," said {elder}. {friend} [smiled|hung {friend.his} head]. "[You are the real
winner|I am sorry for my proud words]," {friend.he} said. [And the next year, they trained together.|And from then on, they were friends.]
"""

WISH = """
One day, {hero} found {thing.a} {spot}. [It was covered with mud.|It glowed a little.|It looked very old.] {hero} rubbed it clean, and
suddenly a [tiny voice|soft voice] said, "[You may make three wishes|I will grant you three wishes]. Choose well!" {hero} [could not
believe it|nearly dropped the {thing}]. / "[I wish for a mountain of sweets|I wish for all the cake in the world]!" {hero.he} said at
once. And there it was. {hero} ate and ate, until {hero.his} stomach hurt. / {hero.He} thought for a while. "I wish [to be as tall as a
tree|to be as big as a house]," {hero.he} said. [Whoosh!|At once] {hero.he} grew and grew. But now [{hero.he} could not go
home, for the door was too small|everyone was afraid and ran away]. Even {hero.his} best friend {friend} [hid {spot2}|ran away]. "[Come
back! It is only me|Do not be scared]!" called {hero}. But {hero.his} voice was as loud as thunder. {hero} [felt very
lonely|sat down and wept big tears]. / There was only one wish left. [{hero} did not have to think for long.|This time {hero} thought
carefully.] "I wish that everything was as it was before," {hero.he} said. And so it was. {friend} came [running|out] and [hugged
{hero.him}|laughed]. The {thing} never spoke again, but {hero} [kept it on the shelf|did not mind]. ["I have all I need," said
{hero.he}.|For {hero} had learned that a friend is better than any wish.|And {hero} was happy just the way {hero.he} was.]
"""

NEWCOMER = """
[One autumn|One spring], somebody new came to live there. It was {friend}, {friend.a}. [{friend} did not know anybody.|{friend} was shy and spoke
very quietly.|{friend} came from far away.] The others [whispered behind {friend.his} back|did not ask {friend.him} to
play|only stared]. Every day {friend} sat alone {spot}. / {hero} saw it and [felt sorry|wondered what to do]. [{hero.He} remembered how it felt
to be alone.|"Nobody should be alone all day," {hero.he} thought.] So {hero.he} took {hero.his} {thing.full} and went over. "[Hello, I am
{hero}|My name is {hero}]," {hero.he} said. "[Would you like to play with me|Do you want to see my {thing}]?" {friend} looked up. [A smile
came over {friend.his} face.|{friend.His} eyes grew wide.] "[Yes, please|I would like that]," {friend.he} said. / They played [all
afternoon|until it was dark]. It turned out that {friend} could [tell the funniest stories|make music with a blade of grass|whistle like a
bird|find the sweetest berries]. [Soon the others came closer, one by one.|The others heard the laughter and came to see.] "[May we
play, too|Can we join you]?" they asked. "[The more, the better|Of course]," said {friend}. / From that day on, {friend} was never alone
again. [And {hero} had found the best friend in the world.|"Thank you for saying hello," {friend} told {hero}. "It was only one word," said
{hero}.|Sometimes one kind word is all it takes.]
"""

STORM = """
[One day|One autumn day], dark clouds came over the [hills|trees]. "[A storm is coming|It will be a bad storm]," said {elder}. The wind [howled|shook
the branches], and the rain fell [like a river|in thick drops]. {hero} was safe and warm inside, [with a cup of tea|under a blanket]. /
Then there was a knock at the door. It was {friend}, {friend.a}. "[My home is gone|The wind blew my roof away]," said {friend}. "[May I come
in|Can I stay here tonight]?" "[Come in quickly|Of course you can]," said {hero}. A little later, there was another knock. It was [a
family of mice|an old crow|two wet kittens|a tired hare]. And then another. [Soon the whole room was full.|{hero.His} home was small, but {hero.he}
found a place for everyone.] / "[There is not enough to eat|I have only one pot of soup]," said {hero}. But {friend} had [some
bread|a few nuts|a piece of cheese], and the others had a little, too. They put it all together, and it made a supper [for everyone|that was big
enough for all]. Outside, the storm raged. Inside, they [sang and told stories|laughed and kept each other warm]. / In the morning, the
sky was [clear|blue and bright]. "[Now let us build your home again|Today we all help you]," said {hero} to {friend}. They [carried
branches and leaves|worked side by side], and by evening {friend} had a new home {spot}. [It was even better than the old one.|"The storm took my
roof, but it gave me friends," said {friend}.]
"""

TREASURE = """
[One rainy day|One day], {hero} found an old map {spot}. [It showed a path, a big tree and a cross.|There was a red cross in the
middle of it.] "[A treasure|This must be a treasure map]!" cried {hero}. {hero.He} showed it to {hero.his} friend {friend}. "[When do we
start|Let us go at once]!" said {friend}. They took a spade, [a lantern and a rope|two apples and a bottle of water]. / They followed the
map [over the hill|across the stream|through the high grass]. [They had to cross a swamp, and {friend} lost a shoe.|A rooster chased them,
and they ran.|Once they took the wrong turn and had to go back.] At last they found the cross {spot2}. They dug and dug. [Clunk!|Then
the spade hit something hard.] It was a wooden box. / Inside there was no gold. There was only {thing.a} and a letter. "[Dear
finder|To whoever reads this]," it said, "[the treasure is the day you have had|I was happy with this when I was small]. Pass it on." {friend}
was [a little disappointed|puzzled]. But {hero} [laughed|smiled]. "[We had a wonderful day|It was a real adventure]," said {hero}. "That is
true," said {friend}. / So they [put in a letter of their own|added a {colour} ribbon] and buried the box {spot3}. Then they drew a new
map. [One day, somebody else will find it.|They hung it where the others would find it, and hid, and giggled.|And who knows? Maybe you will be the one
who finds it.]
"""
