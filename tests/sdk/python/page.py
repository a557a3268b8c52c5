"""The Python snippets of the page "Create Users & Roles", in its order.

Between the lines `snippet` and `end of snippet` stands the page's text, but for
what a comment `repaired:` names. The checks stand outside.
"""

from checks import equal

# snippet: Create a user
from pymilvus import MilvusClient

client = MilvusClient(
    uri="http://localhost:19530",
    token="root:Milvus"
)

client.create_user(user_name="user_1", password="P@ssw0rd")
# end of snippet

login = MilvusClient(uri="http://localhost:19530", token="user_1:P@ssw0rd")
equal("page: the new user logs in and sees himself, without roles",
      (login.describe_user("user_1")["user_name"], login.describe_user("user_1")["roles"]),
      ("user_1", ()))
login.close()

# snippet: Update password
from pymilvus import MilvusClient

client.update_password(
    user_name="user_1",
    old_password="P@ssw0rd",
    new_password="NewP@ssw0rd"
)
# end of snippet

login = MilvusClient(uri="http://localhost:19530", token="user_1:NewP@ssw0rd")
equal("page: the user logs in with the new password",
      login.describe_user("user_1")["user_name"], "user_1")
login.close()

# snippet: List users
from pymilvus import MilvusClient

users = client.list_users()  # repaired: the answer is kept, to be checked
# end of snippet

equal("page: list_users is the page's sample", list(users), ['root', 'user_1'])

# snippet: Create a role
from pymilvus import MilvusClient

client.create_role(role_name="role_a")
# repaired: the page's last line is a Java import, a syntax error in Python; left out
# end of snippet

# snippet: List roles
from pymilvus import MilvusClient

roles = client.list_roles()  # repaired: the answer is kept, to be checked
# end of snippet

equal("page: list_roles is the page's sample", list(roles), ['admin', 'role_a'])

# What the page says in words.
equal("page: the default role of root is admin",
      client.describe_user("root")["roles"], ("admin",))
client.close()
