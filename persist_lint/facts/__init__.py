"""Source bytes of one file → ``ModuleFacts``: one traversal of the stdlib ``ast``; knows syntax, no library.

decode.py       bytes → text (PEP 263, BOM, line ends), or why not
parse.py        text → ast, or why not
expressions.py  ast expressions → lean nodes            annotations.py  the same, strings read as annotations
statements.py   ast statements → lean nodes             patterns.py     what ``case`` patterns name and bind
definitions.py  def and class → FunctionFacts and ClassFacts
heads.py        which physical lines belong to one statement
comments.py     the comments that suppress findings
codec.py        facts ↔ bytes
build.py        all of it together: ``module_facts``
"""
