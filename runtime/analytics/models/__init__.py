"""Attribution models: how the value of a checkout is divided among the touches before it.

Every function is pure. docs/analytics.md explains the models and what none of them can tell.
"""
