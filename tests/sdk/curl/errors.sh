# The error cases of the page's calls and the HTTP side of the API, on the
# server that page.sh has left; user_1's password is `P@ssw0rd!`. Sourced by suite.

UNKNOWN_ROLE="not found the role, maybe the role isn't existed or internal system error: invalid parameter"
WEAK="invalid password: three of upper-case letters, lower-case letters, digits and special characters are required: invalid parameter"
OK='{"code":0,"data":{}}'
USERS='{"code":0,"data":["root","user_1"]}'

required() {
    echo "Key: '$1.$2' Error:Field validation for '$2' failed on the 'required' tag"
}

denied_to_user_1() {
    answered "$1" 403 "{\"code\":65535,\"message\":\"rpc error: code = PermissionDenied desc = Privilege$2: permission deny to user_1 in the \`*\` database\"}"
}

# --- Logins
post users/list '{}' 'root:milvus'
answered "wrong password" 401 "$NOT_AUTHENTICATED"
post users/list '{}' 'nobody:P@ssw0rd'
answered "unknown user" 401 "$NOT_AUTHENTICATED"
post users/list '{}' 'no-colon'
answered "a token that is no login" 401 "$NOT_AUTHENTICATED"
post users/list '{}' 'cm9vdDpNaWx2dXM='
answered "base64 as gRPC sends it is not taken" 401 "$NOT_AUTHENTICATED"
post users/list '{}' 'root:'
answered "empty password" 401 "$NOT_AUTHENTICATED"
curl --request POST --url "$CLUSTER_ENDPOINT$API/users/list" -d '{}'
answered "no credentials" 401 "$NOT_AUTHENTICATED"
curl --request POST --url "$CLUSTER_ENDPOINT$API/nowhere" -d '{}'
answered "no credentials, unknown path" 401 "$NOT_AUTHENTICATED"
curl --request POST --url "$CLUSTER_ENDPOINT$API/users/list" --user root:Milvus -d '{}'
answered "Basic credentials" 200 "$USERS"
has_header "Basic credentials: the challenge" www-authenticate 'Basic realm="restricted", charset="UTF-8"'
curl --request POST --url "$CLUSTER_ENDPOINT$API/users/list" --header "Authorization: root:Milvus" -d '{}'
answered "credentials without a scheme" 200 "$USERS"

# --- Users
post users/create '{"userName":"user_1","password":"P@ssw0rd"}'
refused "duplicate user" 1100 "user already exists: user_1: invalid parameter"
post users/create '{"userName":"user_2","password":"1234"}'
refused "short password" 1100 "invalid password length: invalid parameter[4 out of range 8 <= value <= 64]"
post users/create '{"userName":"user_2","password":"password"}'
refused "weak password" 1100 "$WEAK"
post users/create '{"userName":"1abc","password":"P@ssw0rd"}'
refused "bad user name: first character" 1100 "invalid user name 1abc, the first character must be a letter, but got 1: invalid parameter"
post users/create '{"userName":"user-2","password":"P@ssw0rd"}'
begins "bad user name: other character" 200 '{"code":1100,"message":"invalid user name user-2, '
post users/create '{}'
refused "required fields missing" 1802 "missing required parameters, error: $(required PasswordReq UserName)\\n$(required PasswordReq Password)"
post users/create '{"userName":"user_2","password":""}'
refused "a required field empty" 1802 "missing required parameters, error: $(required PasswordReq Password)"
post users/update_password '{"userName":"user_1","password":"wrong","newPassword":"Another1!"}'
refused "wrong old password" 1400 "old password not correct for user_1: not authenticated"
post users/update_password '{"userName":"user_1","password":"P@ssw0rd!","newPassword":"newpassword"}'
refused "weak new password" 1100 "$WEAK"
post users/update_password '{"userName":"user_1"}'
refused "nothing to update" 1100 "must update either password or description: invalid parameter"
post users/drop '{"userName":"root"}'
refused "dropping root" 1401 "root user cannot be deleted: privilege not permitted"
post users/drop '{"userName":"nobody"}'
answered "dropping an unknown user succeeds" 200 "$OK"
post users/describe '{"userName":"nobody"}'
answered "describing an unknown user is empty" 200 '{"code":0,"data":[],"description":""}'

# --- Roles
post roles/create '{"roleName":"role_a"}'
refused "duplicate role" 1100 'role [name:\"role_a\"] already exists: invalid parameter'
post roles/create '{"roleName":"1role"}'
begins "bad role name" 200 '{"code":1100,"message":"the first character of role name must be '
post users/grant_role '{"userName":"user_1","roleName":"nobody"}'
refused "binding an unknown role" 1100 "$UNKNOWN_ROLE"
post users/revoke_role '{"userName":"user_1","roleName":"nobody"}'
refused "unbinding an unknown role" 1100 "$UNKNOWN_ROLE"
post users/grant_role '{"userName":"nobody","roleName":"role_a"}'
refused "binding an unknown user" 1100 'failed to check if operate user role: user \"nobody\" not found: invalid parameter'
post roles/describe '{"roleName":"nobody"}'
refused "describing an unknown role" 1100 'the role \"nobody\" does not exist: invalid parameter'
post roles/describe '{"roleName":"role_a"}'
answered "describing a role without grants" 200 '{"code":0,"data":[],"description":""}'
post roles/drop '{"roleName":"nobody"}'
refused "dropping an unknown role" 1100 "$UNKNOWN_ROLE"
post roles/drop '{"roleName":"admin"}'
refused "dropping admin" 1401 "the role[admin] is a default role, which can't be dropped: privilege not permitted"

# --- A plain user
post users/list '{}' 'user_1:P@ssw0rd!'
denied_to_user_1 "a plain user is refused users/list" SelectOwnership
post users/create '{"userName":"1abc","password":"x"}' 'user_1:P@ssw0rd!'
denied_to_user_1 "a plain user is refused before names are looked at" CreateOwnership
post users/create '{}' 'user_1:P@ssw0rd!'
begins "but after required fields are" 200 '{"code":1802,'
post users/describe '{"userName":"root"}' 'user_1:P@ssw0rd!'
denied_to_user_1 "a plain user is refused another user" SelectUser

# --- Bodies
curl --request POST --url "$CLUSTER_ENDPOINT$API/users/list" --header "Authorization: Bearer root:Milvus"
refused "no body" 1801 "can only accept json format request, the request body should be nil, however {} is valid"
post users/list '{'
begins "a body cut off" 200 '{"code":1801,"message":"can only accept json format request, error: '
post users/list '[]'
begins "a body that is an array" 200 '{"code":1801,"message":"can only accept json format request, error: '
post users/describe '{"userName":5}'
begins "a field of the wrong type" 200 '{"code":1801,"message":"can only accept json format request, error: '
post users/list '{"unknown":1} and more'
answered "unknown fields and what follows the body are ignored" 200 "$USERS"
post users/describe '{"USERNAME":"user_1"}'
answered "field names match without regard to case" 200 '{"code":0,"data":[],"description":""}'
curl --request POST --url "$CLUSTER_ENDPOINT$API/users/list" --header "Authorization: Bearer root:Milvus" -d '{}'
answered "a form's content type" 200 "$USERS"
has_header "the answer's content type" content-type 'application/json; charset=utf-8'
has_header "nosniff" x-content-type-options nosniff
has_header "no CORS headers" access-control-allow-origin ''

# --- Paths, methods, headers
curl --request GET --url "$CLUSTER_ENDPOINT$API/users/list" --header "Authorization: Bearer root:Milvus"
answered "GET" 404 '404 page not found'
begins_text="$(header content-type)"
case "$begins_text" in
text/plain*) echo "ok GET: the answer is plain text" ;;
*) echo "FAILED GET: the answer is plain text: it is \"$begins_text\"" ;;
esac
post nowhere '{}'
answered "unknown path" 404 '404 page not found'
post users/LIST '{}'
answered "paths are case sensitive" 404 '404 page not found'
curl --request POST --url "$CLUSTER_ENDPOINT$API/users/list/" -d '{}'
if [ "$STATUS" = 307 ]; then result "a slash too many, without credentials" yes; else result "a slash too many, without credentials" no; fi
has_header "and where to go instead" location "$API/users/list"
curl --request OPTIONS --url "$CLUSTER_ENDPOINT$API/users/list"
answered "OPTIONS" 204 ''
post users/list '{}' root:Milvus --header "Request-Timeout: 10"
answered "Request-Timeout in seconds" 200 "$USERS"
post users/list '{}' root:Milvus --header "Request-Timeout: abc"
begins "Request-Timeout that is no number" 200 '{"code":1100,"message":"Request-Timeout parse failed, err: '
post users/list '{}' root:Milvus --header "Origin: http://elsewhere.example"
if [ "$STATUS" = 403 ]; then result "a browser from elsewhere" yes; else result "a browser from elsewhere" no; fi

post users/list '{}'
answered "nothing of all this left a user" 200 "$USERS"
post roles/list '{}'
answered "nothing of all this left a role" 200 '{"code":0,"data":["admin","role_a"]}'

# --- Bindings, descriptions, own and forgotten password, drops
post users/grant_role '{"userName":"user_1","roleName":"role_a"}'
answered "a role is bound" 200 "$OK"
post users/grant_role '{"userName":"user_1","roleName":"role_a"}'
answered "and bound again" 200 "$OK"
post users/describe '{"userName":"user_1"}' 'user_1:P@ssw0rd!'
answered "a user sees his own roles" 200 '{"code":0,"data":["role_a"],"description":""}'
post users/revoke_role '{"userName":"user_1","roleName":"role_a"}'
answered "the role is unbound" 200 "$OK"
post users/create '{"userName":"user_d","password":"P@ssw0rd","description":"first"}'
answered "a user is made with a description" 200 "$OK"
post users/update_password '{"userName":"user_d","description":"second"}'
answered "the description alone is updated" 200 "$OK"
post users/describe '{"userName":"user_d"}' 'user_d:P@ssw0rd'
answered "it shows, and the password is the one it was" 200 '{"code":0,"data":[],"description":"second"}'
post users/drop '{"userName":"user_d"}'
answered "a user is dropped" 200 "$OK"
post users/describe '{"userName":"user_d"}' 'user_d:P@ssw0rd'
answered "the very next call of a dropped user is refused" 401 "$NOT_AUTHENTICATED"
post roles/create '{"roleName":"role_d","description":"first"}'
answered "a role is made with a description" 200 "$OK"
post roles/alter '{"roleName":"role_d","description":"second"}'
answered "a role is altered" 200 "$OK"
post roles/describe '{"roleName":"role_d"}'
answered "and shows it" 200 '{"code":0,"data":[],"description":"second"}'
post roles/drop '{"roleName":"role_d"}'
answered "a role is dropped" 200 "$OK"
post users/update_password '{"userName":"user_1","newPassword":"Reset1ng!"}'
answered "root sets a forgotten password" 200 "$OK"
post users/update_password '{"userName":"root","newPassword":"Reset1ng!"}'
refused "but not his own" 1400 "old password not correct for root: not authenticated"
post users/update_password '{"userName":"user_1","password":"Reset1ng!","newPassword":"Own1Pass!"}' 'user_1:Reset1ng!'
answered "a user changes the own password" 200 "$OK"
post users/describe '{"userName":"user_1"}' 'user_1:Reset1ng!'
answered "the very next call with the old one is refused" 401 "$NOT_AUTHENTICATED"
post users/describe '{"userName":"user_1"}' 'user_1:Own1Pass!'
answered "the new one logs in" 200 '{"code":0,"data":[],"description":""}'
