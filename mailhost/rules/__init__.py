"""What an owner wants done with mail that arrives: filters, and the answer of somebody who is away.

`rule` has the values and their limits, `text` their form as JSON, `apply` asks them about one message and gives a
`Plan`, `away` is RFC 3834. All of it is data and never a program: whoever can write rules can say where their own
mail goes, and nothing else. No I/O, no clock, no Django here.
"""
