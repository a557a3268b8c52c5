# The cURL snippets of the page "Create Users & Roles", in its order, word for
# word: `curl` is the function of checks.sh, which keeps the answer and hands
# the arguments on. The checks stand outside the snippets. Sourced by suite.

# snippet: Create a user
export CLUSTER_ENDPOINT="http://localhost:19530"
export TOKEN="root:Milvus"

curl --request POST \
--url "${CLUSTER_ENDPOINT}/v2/vectordb/users/create" \
--header "Authorization: Bearer ${TOKEN}" \
--header "Content-Type: application/json" \
-d '{
    "userName": "user_1",
    "password": "P@ssw0rd"
}'
# end of snippet

answered "page: a user is made" 200 '{"code":0,"data":{}}'

# snippet: Update password
curl --request POST \
--url "${CLUSTER_ENDPOINT}/v2/vectordb/users/update_password" \
--header "Authorization: Bearer ${TOKEN}" \
--header "Content-Type: application/json" \
-d '{
    "newPassword": "P@ssw0rd!",
    "userName": "user_1",
    "password": "P@ssw0rd"
}'
# end of snippet

answered "page: the password is updated" 200 '{"code":0,"data":{}}'

# snippet: List users
curl --request POST \
--url "${CLUSTER_ENDPOINT}/v2/vectordb/users/list" \
--header "Authorization: Bearer ${TOKEN}" \
--header "Content-Type: application/json" \
-d '{}'
# end of snippet

answered "page: users/list is the page's sample" 200 '{"code":0,"data":["root","user_1"]}'

# snippet: Create a role
curl --request POST \
--url "${CLUSTER_ENDPOINT}/v2/vectordb/roles/create" \
--header "Authorization: Bearer ${TOKEN}" \
--header "Content-Type: application/json" \
-d '{
    "roleName": "role_a"
}'
# end of snippet

answered "page: a role is made" 200 '{"code":0,"data":{}}'

# snippet: List roles
curl --request POST \
--url "${CLUSTER_ENDPOINT}/v2/vectordb/roles/list" \
--header "Authorization: Bearer ${TOKEN}" \
--header "Content-Type: application/json" \
-d '{}'
# end of snippet

answered "page: roles/list is the page's sample" 200 '{"code":0,"data":["admin","role_a"]}'

# What the page says in words, and that the update took the page's new password:
# for cURL it is not the one of the text.
post users/describe '{"userName":"root"}'
answered "page: the default role of root is admin" 200 '{"code":0,"data":["admin"],"description":""}'
post users/describe '{"userName":"user_1"}' 'user_1:P@ssw0rd!'
answered "page: the user logs in with the new password" 200 '{"code":0,"data":[],"description":""}'
post users/describe '{"userName":"user_1"}' 'user_1:P@ssw0rd'
answered "page: and no longer with the old one" 401 "$NOT_AUTHENTICATED"
