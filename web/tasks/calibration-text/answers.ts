// Answers, explanations, lists and a story, written for this purpose.
export const answers = `Question: How do plants make their food?
Answer: Plants make their food by photosynthesis. Their leaves take in carbon dioxide from the air, and their roots bring water from the soil. With the energy of sunlight the green pigment in the leaves, called chlorophyll, turns the two into sugar and oxygen. The sugar feeds the plant, and the oxygen goes back into the air, where animals and people breathe it.

Question: Give me three tips for a good night's sleep.
Answer: Here are three tips that help most people:
1. Go to bed and get up at the same time every day, also at the weekend.
2. Keep your bedroom dark, quiet and cool, and leave your phone in another room.
3. Avoid coffee in the afternoon, and do not eat a large meal late in the evening.

Question: Write an email to a colleague in which you ask for a report.
Answer: Subject: The sales report for March

Dear Anna,

I hope you are doing well. Could you please send me the sales report for March by Thursday? I would like to include the numbers in my presentation on Friday morning. If anything is missing, or if you need more time, just let me know.

Thank you very much for your help!

Best regards,
Thomas

Question: What is the difference between a list and a tuple in Python?
Answer: A list can be changed after it was made, while a tuple cannot. Lists are written with square brackets and tuples with parentheses. Use a tuple for values that belong together and stay the same, such as the coordinates of a point.

def average(numbers):
    """Returns the mean of a list of numbers, or None if it is empty."""
    if not numbers:
        return None
    total = 0
    for number in numbers:
        total += number
    return total / len(numbers)

print(average([3, 5, 10]))  # 6.0

Here is the same in JavaScript:

function average(numbers) {
  if (numbers.length === 0) return null;
  const total = numbers.reduce((sum, number) => sum + number, 0);
  return total / numbers.length;
}

Question: Tell me a short story about a fox.
Answer: Once upon a time there was a young fox who lived at the edge of a deep forest. Every night she sat on a hill and looked at the lights of the village. "What do they do there, all those people?" she asked the old owl. "They sit by the fire and tell each other stories," said the owl, "and some of them are about you." The fox laughed. From that night on she listened at the windows, and when winter came she knew more stories than anybody in the forest. The rabbits, the badgers and even the shy deer came to hear them, and nobody was cold or lonely any more.

Question: Classify the following reviews as positive or negative.
"The film was far too long, and I did not care about any of the characters." Negative
"A wonderful evening: the actors were great and the music is still in my head." Positive
"I wanted to like this book, but the ending made no sense." Negative

Question: Translate the sentence into German and into French: The children are playing in the garden, although it is raining.
Answer: German: Die Kinder spielen im Garten, obwohl es regnet. French: Les enfants jouent dans le jardin, bien qu'il pleuve. Spanish: Los niños juegan en el jardín, aunque está lloviendo.

Question: A train leaves at 9:40 and arrives at 12:15. How long does the journey take?
Answer: From 9:40 to 12:00 it is 2 hours and 20 minutes. From 12:00 to 12:15 it is another 15 minutes. Together that makes 2 hours and 35 minutes, or 155 minutes. At an average speed of 80 kilometres per hour the train travels about 207 kilometres.

The history of the city goes back more than two thousand years. It was founded as a trading post on the river, grew into a market town in the Middle Ages, and became the capital of the region in 1815, after the war. During the 19th century railways, factories and new bridges changed its face; the population rose from 20,000 in 1830 to more than 300,000 in 1900. Today the city is known for its university, its museum of modern art, and the festival that takes place every summer. The economy rests on services, tourism and small companies that develop software and medical technology.

In physics, energy is the ability to do work. It can take different forms, such as kinetic energy, potential energy, heat, light and electricity. According to the law of conservation, energy is neither created nor destroyed; it only changes from one form into another. When a ball falls, for example, its potential energy becomes kinetic energy, and when it hits the ground, most of that becomes heat and sound.

Ingredients for four people: 400 g of spaghetti, 2 cloves of garlic, 1 small onion, 3 tablespoons of olive oil, 800 g of tomatoes, salt, pepper and a handful of fresh basil. Method: Chop the onion and the garlic and cook them gently in the oil for five minutes. Add the tomatoes, season with salt and pepper, and let the sauce simmer for half an hour. Meanwhile, boil the pasta in plenty of salted water. Drain it, mix it with the sauce, and serve it with the basil.

Summary: The article argues that small language models are good enough for many everyday tasks. They run on ordinary computers, keep private data on the device, and cost nothing per request. The authors compare several of them and find that careful training matters more than size. However, they also point out that such models know fewer facts and make more mistakes, so that important answers should always be checked.

| Name | Age | City |
| --- | --- | --- |
| Maria | 34 | Lisbon |
| John | 28 | Chicago |
| Yuki | 41 | Osaka |

{"name": "Maria", "age": 34, "languages": ["Portuguese", "English"], "active": true, "score": 9.5}

SELECT city, COUNT(*) AS people FROM persons WHERE age >= 18 GROUP BY city ORDER BY people DESC LIMIT 10;

Question: What should I do if my computer does not start?
Answer: First, check that the power cable is plugged in and that the outlet works. If nothing happens when you press the button, try another cable. If the computer starts but the screen stays black, disconnect all other devices and restart it. When you hear beeps or see an error message, write it down: it often tells which part has failed. If none of this helps, ask a technician, and make a copy of your files as soon as you can.
`;
