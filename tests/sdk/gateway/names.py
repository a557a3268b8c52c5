"""What becomes of rights when collections and databases go, come back, or change their names."""

from checks import URI, attempt, check, denied, equal
from pymilvus import DataType, MilvusClient
from shared import ROOT, UPSTREAM_TOKEN, UPSTREAM_URI
from shared import denial, login, make_user, remove_user

root = MilvusClient(uri=URI, token=ROOT)
direct = MilvusClient(uri=UPSTREAM_URI, token=UPSTREAM_TOKEN)
root.create_database("shop")
shop = MilvusClient(uri=URI, token=ROOT, db_name="shop")
schema = root.create_schema()
schema.add_field("id", DataType.INT64, is_primary=True)
schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
make_user(root, "friend", "knowing")
friend = login("friend")
friend_in_shop = login("friend", "shop")
# A right that is stored as one on a collection, and one that comes through a group of our own.
root.create_privilege_group("measuring")
root.add_privileges_to_group("measuring", ["GetStatistics"])
GRANTED = ("GetLoadState", "measuring")
NEEDED = ("GetLoadState", "GetStatistics")


def calls(client):
    """The calls that need just these rights. Neither needs a loaded collection."""
    return (client.get_load_state, client.get_collection_stats)


def make(client, name):
    """An empty collection."""
    client.create_collection(name, schema=schema)


def grant(name, database="default"):
    """Both rights on a collection."""
    for privilege in GRANTED:
        root.grant_privilege_v2("knowing", privilege, name, database)


def has_rights(what, name, client=friend):
    """Checks that both rights are there."""
    for call in calls(client):
        error = attempt(lambda: call(name))
        check(f"{what}: {call.__name__} of {name} is allowed", error is None, error)


def has_none(what, name, client=friend, database="default"):
    """Checks that neither right is there."""
    for privilege, call in zip(NEEDED, calls(client)):
        denied(f"{what}: {call.__name__} of {name} is refused",
               denial("friend", privilege, database), lambda: call(name))


def granted():
    """On what the role has something."""
    listed = root.describe_role("knowing", db_name="*")["privileges"]
    return sorted({(each["db_name"], each["object_name"]) for each in listed})


# Dropped and made again.
for client in (root, shop):
    make(client, "books")
    make(client, "films")
grant("books")
grant("films")
grant("books", "shop")
has_rights("at first", "books")
error = attempt(lambda: friend.drop_collection("books"))
check("a drop that is refused", error is not None)
has_rights("after a refused drop", "books")
root.drop_collection("books")
equal("dropped: the grants on that name are gone, and no others", granted(),
      [("default", "films"), ("shop", "books")])
make(root, "books")
has_none("made again by another", "books")
has_rights("the other collection keeps its grants", "films")
has_rights("the one of that name in another database too", "books", friend_in_shop)
grant("books")
has_rights("granted again", "books")
grant("early")
root.drop_collection("early")
equal("dropping what is not there removes what was granted on it",
      ("default", "early") in granted(), False)

# Renamed.
root.rename_collection("books", "tomes")
has_rights("renamed: the grants follow", "tomes")
has_none("renamed: nothing is left on the old name", "books")
equal("renamed: what the role has", granted(),
      [("default", "films"), ("default", "tomes"), ("shop", "books")])
make(root, "books")
has_none("a new collection under the old name", "books")
error = attempt(lambda: root.rename_collection("tomes", "films"))
check("a rename onto a name that is taken is the upstream's refusal", error is not None, error)
has_rights("after a rename that failed", "tomes")
error = attempt(lambda: root.rename_collection("none", "anything"))
check("a rename of what is not there is the upstream's refusal", error is not None, error)
has_rights("after that, too", "tomes")
root.rename_collection("tomes", "books2")
grant("left")
root.rename_collection("books2", "left")
has_rights("renamed onto a name with grants of its own: one of each", "left")

# Everything by a pattern is not on a name, and stays.
for privilege in GRANTED:
    root.grant_privilege_v2("knowing", privilege, "*", "default")
root.drop_collection("left")
has_rights("a grant on all collections stays when one goes", "books")
for privilege in GRANTED:
    root.revoke_privilege_v2("knowing", privilege, "*", "default")
has_none("without it", "books")

# A database that goes.
shop.drop_collection("books")
shop.drop_collection("films")
grant("books", "shop")
grant("*", "shop")
root.drop_database("shop")
equal("a dropped database: its grants are gone", granted(), [("default", "films")])
root.create_database("shop")
make(shop, "books")
has_none("a database made again", "books", friend_in_shop, "shop")
has_rights("the other database keeps its grants", "films")

shop.drop_collection("books")
root.drop_database("shop")
root.drop_collection("books")
root.drop_collection("films")
equal("all is gone", (granted(), direct.list_collections()), ([], []))
friend_in_shop.close()
remove_user(root, "friend", "knowing")
root.drop_privilege_group("measuring")
root.close()
