"""The QuickSight stack: a connection into the VPC, datasets on the analyst's views, an analysis and a dashboard.

Data flows one way. `live.py`, `channels.py` and `journeys.py` hold the pages: their datasets and visuals. `visuals.py`
and `filters.py` write them in the form of QuickSight's API, `definition.py` assembles them, and `stack.py` creates the
resources. Only `stack.py` and `connection.py` create constructs.
"""
