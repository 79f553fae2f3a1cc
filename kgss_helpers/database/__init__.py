"""A space handed over to Milvus: in a file on this machine (Milvus Lite), or in a cluster by its address.

One machine's memory ends somewhere; a cluster's does not, and it answers many people at once. The code is the same for
both, and so is the answer: the search is exact there, too, and ties are decided by the order of nodes.
"""

from kgss_helpers.database.reach import DatabaseError
from kgss_helpers.database.space_database import SpaceDatabase, to_database

__all__ = ["DatabaseError", "SpaceDatabase", "to_database"]
