// English prose of several registers, written for this purpose.
export const english = `The heron is a wading bird that is found near rivers, lakes and marshes in most of the world. It has long legs, a long neck and a bill shaped like a dagger, and it hunts by standing still in shallow water until a fish comes within reach. Most species nest in colonies, called heronries, high in trees. The grey heron (Ardea cinerea) measures up to 100 cm in length and weighs between one and two kilograms; in flight it draws its neck back into the shape of an S, by which it can be told from a crane or a stork. During the nineteenth century the birds were shot for their feathers, and the population fell by more than half before they were protected by law in 1889.

Ellen Whitlock (14 March 1871 – 2 November 1938) was a British cartographer and engraver. Born in Norwich, the third daughter of a clockmaker, she studied drawing at the city's School of Art and joined the firm of Harding & Sons in 1892. Her first independent work, a map of the Broads in four sheets, was awarded a silver medal at the Paris Exhibition of 1900. She is best known for the Atlas of Inland Waters, which appeared in nine parts between 1904 and 1921 and remained in print until the Second World War. The critic Arthur Bell wrote that " no line in it is idle ". Whitlock never married, and left her instruments to the museum of her home town.

= = Construction = =

Work on the bridge began in the spring of 1958 under the direction of the engineer Paul Lindqvist. The two main piers were founded on rock at a depth of 31 metres (102 ft), and the deck, 412 m long and 19 m wide, was assembled from prefabricated sections that were floated into place at high tide. Two workers were killed in September 1959 when a crane collapsed, and the inquiry that followed delayed the opening by seven months. The final cost was estimated at $ 23.4 million, roughly a third above the budget. Since 1987 the bridge has been a listed structure, and about 41,000 vehicles crossed it each day in 2016.

The album was recorded in eleven days at a studio in Memphis, and was released on 6 June 1974. It reached number 12 on the Billboard chart, sold 1.3 million copies within a year, and was nominated for two awards. Reviews were mixed: one critic praised the singer's "warm, unhurried voice", while another felt that the second side lacked a single memorable tune. The closing track, originally written for a film that was never finished, later became the band's most requested song at concerts. In the 2005 season the team finished fourth with 21 wins and 11 losses; its captain scored 18 goals in 34 games before he was transferred to a Spanish club.

LONDON, Tuesday (Our correspondent) - Shares fell for a third day on Tuesday after the central bank said that it would keep interest rates unchanged at 4.25 percent until at least the autumn. The main index closed down 62 points, or 1.1 percent, led by banks and airlines, while oil rose above $81 a barrel. "Investors had hoped for more," said Karen Doyle, chief economist at Weston Capital. The company, which employs 6,400 people in nine countries, reported a quarterly profit of $212 million, compared with $187 million a year earlier, and said it would buy back shares. In Geneva, ministers from twelve countries agreed on Wednesday to reopen talks on fishing rights, officials said.

Champions slip to second defeat (Sports Desk) - A late goal by substitute Marco Reyes gave the visitors a 2-1 victory on Saturday night and ended the champions' run of nine home games without a loss. The coach said his players had been tired after Wednesday's trip to Kiev. Researchers at two universities reported Thursday that a new battery made from iron and salt kept 92 percent of its capacity after 5,000 cycles; the software maker said an update that fixes the security hole would be available by Friday. Police in the northern province are looking for three men who escaped from a prison van, and a storm with winds of 140 kilometres per hour is expected to reach the coast tonight.

"Did you lock the door?" she asked.
"I think so."
"You think so?"
He stopped on the stairs and felt in his pockets. "I had the key in my hand, Ruth. I remember the cold of it. Then the telephone rang, and your brother wanted to know about Sunday, and after that-" He shrugged.
"After that you went out without your hat."
They walked back together, not talking, past the bakery and the shuttered chemist's. The door was locked. The key was in it, on the outside, with the red ribbon hanging down for anybody to see. She began to laugh, and after a while, because there was nothing else to do, so did he.

By the time the ferry turned into the wind the light was nearly gone. Old Tam, who had made the crossing every week for thirty years, pulled his collar up and watched the gulls. There had been a letter in the morning, a thick one with a foreign stamp; he had not opened it. It lay against his chest like a second, slower heart. What could she have to say now, after all this time? The engine coughed twice and settled. Somewhere below a child was singing the same four words over and over, and the sea, black and patient, went on lifting the boat and putting it down again.

User: I'm planning a three-day trip to Lisbon with two kids. Any ideas?
Assistant: That sounds like a lovely trip! Here is a relaxed plan:

**Day 1: The old town.** Take tram 28 up to the castle, have lunch in Alfama, and let the children run around the viewpoint at Graça.
**Day 2: The river.** Visit the aquarium in the morning. It is one of the largest in Europe, and it's easy to spend three hours there. In the afternoon, ride the cable car along the Tagus.
**Day 3: The beach.** The train to Cascais takes about 40 minutes and costs less than three euros per person.

A few tips: wear good shoes, because the streets are steep; carry water; and book the aquarium online, so you don't have to queue. Would you like suggestions for restaurants as well?

User: What causes inflation, in simple words?
Assistant: Inflation means that prices in general go up, so the same amount of money buys less. There are three common causes:

1. **Demand.** If people want to buy more than there is to sell, sellers can raise prices.
2. **Costs.** When energy, wages or materials become more expensive, companies pass the higher costs on to their customers.
3. **Expectations.** If everybody expects higher prices next year, workers ask for higher wages today, and the prediction comes true.

For example, suppose a loaf of bread costs $2.00 this year and the inflation rate is 5 %. Next year the same loaf will cost about $2.10. I hope this helps! Let me know if you have any other questions.

Write a polite letter in which you decline an invitation.
Dear Mr. and Mrs. Okafor, Thank you so much for inviting us to your anniversary on the 12th of May. We would have loved to celebrate with you, but unfortunately we will be abroad that week. Please accept our warmest congratulations, and let us know when we may take you out to dinner instead. With best wishes, Helen and David

Suggest a title for the following essay. The essay is about how playing an instrument trains patience and memory. "Practice Makes Patient: What Music Teaches the Mind"
Rewrite the sentence in the passive voice: The committee rejected the proposal. The proposal was rejected by the committee.
Is the following statement true or false? The Pacific is smaller than the Atlantic. False. The Pacific is the largest ocean on Earth.
Given a list of numbers, return the largest. Input: 4, 17, 9, 12 Output: 17
Which word does not belong with the others? apple, carrot, banana, cherry. Carrot, because it is a vegetable and the others are fruits.

How to change a bicycle tube: first turn the bike upside down and open the quick release. Shift to the smallest gear before you take out the rear wheel. Push one side of the tyre over the rim with two levers, pull out the old tube, and run your fingers carefully along the inside to find the thorn or piece of glass that caused the puncture. Pump a little air into the new tube, tuck it in, and press the tyre back with your thumbs; never use a lever for this, since it pinches the tube. Inflate to the pressure printed on the sidewall, usually 3.5 to 5 bar. If the wheel rubs against the brake, loosen the axle and try again. CAUTION: Keep your fingers away from the disc, which may be hot.

This Agreement is made between the Landlord and the Tenant. 1. The Tenant shall pay the rent in advance on the first day of each calendar month. 2. Neither party may assign this Agreement without the prior written consent of the other, which shall not be unreasonably withheld. 3. If any provision is held to be invalid, the remaining provisions shall continue in full force and effect.

Abstract. We study the growth of lichens on exposed granite over a period of eleven years. Plots (n = 48) were photographed twice a year, and the area covered was measured with a semi-automatic procedure. Growth was significantly slower at sites facing south (p < 0.01), and was not correlated with altitude. We discuss possible mechanisms, including desiccation and competition with mosses, and conclude that radial growth alone is a poor estimate of age.

The mitochondrion is an organelle in which sugars are oxidised to supply the cell with adenosine triphosphate. Under the treaty of 1648 the duchy was divided among the three brothers, the eldest of whom, Frederick, converted to Catholicism and moved the court to Salzburg. In computing, a hash table stores pairs of keys and values; on average a lookup takes constant time, whatever the number of elements, but if many keys collide it may degrade to a linear search.

i went to that new ramen place last nite and omg it was SO good!! the broth was super rich & they give u free refills on noodles. only downside: had to wait 45 mins lol. 4/5 would def go again :) Thanks for all the replies, everyone. UPDATE: I called the shop and they said it's covered by the warranty, so no need to pay. The movie starts slow, but trust me, the last twenty minutes are worth it. Worst customer service ever. I waited two weeks, nobody answered my emails, and the blender arrived broken. Avoid!

Shall I compare thee to a summer's day? Thou art more lovely and more temperate: Rough winds do shake the darling buds of May, And summer's lease hath all too short a date. (William Shakespeare, Sonnet 18)
When in the Course of human events, it becomes necessary for one people to dissolve the political bands which have connected them with another, a decent respect to the opinions of mankind requires that they should declare the causes which impel them to the separation. (The Declaration of Independence, 1776)

A man in a blue shirt is standing on a ladder cleaning a window. Two young girls are playing with a ball on the grass. A brown dog jumps over a fallen log. A crowd of people watches a street musician near a fountain. A woman wearing a red helmet rides her bicycle down a wet street. Three construction workers sit on a beam and eat their lunch. A toddler in a striped swimsuit splashes in a plastic pool while her father takes a picture.

Who designed the building, and when was it completed? It was designed by Maria Santos and completed in 1997. How many students attended the university in 2010? About 28,500. What was the name of the river that flooded the town? The Orla. In which year did the company move its headquarters to Denver? Context: After the merger of 1994 the company, founded by two brothers in a garage in Boise, moved its headquarters to Denver. Answer: 1994.
`;
