"""`python -m stacks.preflight dev`: checks an account before anything is created in it, by read-only calls.

Data flows one way: `plan.py` reads from the synthesized templates what a deployment needs; `account.py` and `names.py`
ask AWS; `checks.py` compares the two; `findings.py` runs the checks in order.
"""
