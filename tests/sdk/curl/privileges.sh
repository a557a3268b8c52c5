# Grants of both kinds and privilege groups over REST, and what they let a limited
# user do; on the server that errors.sh has left, with user_1 and role_a. Sourced
# by suite.

LIMITED="limited:P@ssw0rd"
NO_ROLE='failed to operate privilege common check: the role \"nobody\" does not exist: invalid parameter'

# field NAME OBJECT: a text field of a flat JSON object, whatever the order of its fields.
field() {
    printf %s "$2" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

# grants_are WHAT GRANT…: the last answer lists just these, in this order; each
# `type object database privilege grantor`, in exactly five fields.
grants_are() {
    local what="$1" seen="" expected="" each
    shift
    for each in "$@"; do expected="$expected$each;"; done
    while IFS= read -r each; do
        [ "$(grep -o '":"' <<<"$each" | wc -l)" -eq 5 ] || each=""
        seen="$seen$(field objectType "$each") $(field objectName "$each") $(field dbName "$each")"
        seen="$seen $(field privilege "$each") $(field grantor "$each");"
    done < <(grep -o '{"[^{}]*}' <<<"${BODY#\{}")
    case "$STATUS $BODY" in
    '200 {"code":0,"data":['*) ;;
    *) seen="no list;" ;;
    esac
    if [ "$seen" = "$expected" ]; then result "$what" yes; else result "$what" no; fi
}

# groups_are WHAT GROUP…: the last answer lists these and then the built-in ones; each `name=members`.
groups_are() {
    local what="$1" seen="" expected="" each
    shift
    for each in "$@" ClusterReadOnly ClusterReadWrite ClusterAdmin DatabaseReadOnly DatabaseReadWrite \
        DatabaseAdmin CollectionReadOnly CollectionReadWrite CollectionAdmin; do
        expected="$expected$each;"
    done
    while IFS= read -r each; do
        case "$(field privilegeGroupName "$each")" in
        pg_*) seen="$seen$(field privilegeGroupName "$each")=$(field privileges "$each");" ;;
        *) seen="$seen$(field privilegeGroupName "$each");" ;;
        esac
    done < <(grep -o '{"[^{}]*}' <<<"${BODY#*\[}")
    if [ "$seen" = "$expected" ]; then result "$what" yes; else result "$what" no; fi
}

done_well() {
    answered "$1" 200 "$OK"
}

denied() {
    answered "$1" 403 "{\"code\":65535,\"message\":\"rpc error: code = PermissionDenied desc = Privilege$2: permission deny to limited in the \`*\` database\"}"
}

# What needs which privilege. None of it changes anything if it comes through by mistake.
CALLS=(
    'CreateOwnership users/create {"userName":"1abc","password":"x"}'
    'CreateOwnership roles/create {"roleName":"1abc"}'
    'CreateOwnership roles/alter {"roleName":"nobody"}'
    'DropOwnership users/drop {"userName":"nobody"}'
    'DropOwnership roles/drop {"roleName":"nobody"}'
    'SelectOwnership users/list {}'
    'SelectOwnership roles/list {}'
    'SelectOwnership roles/describe {"roleName":"role_p"}'
    'ManageOwnership users/grant_role {"userName":"limited","roleName":"nobody"}'
    'ManageOwnership users/revoke_role {"userName":"limited","roleName":"nobody"}'
    'ManageOwnership roles/grant_privilege {"roleName":"nobody","objectType":"Global","objectName":"*","privilege":"All"}'
    'ManageOwnership roles/revoke_privilege {"roleName":"nobody","objectType":"Global","objectName":"*","privilege":"All"}'
    'ManageOwnership roles/grant_privilege_v2 {"roleName":"nobody","privilege":"ClusterAdmin","dbName":"*","collectionName":"*"}'
    'ManageOwnership roles/revoke_privilege_v2 {"roleName":"nobody","privilege":"ClusterAdmin","dbName":"*","collectionName":"*"}'
    'SelectUser users/describe {"userName":"root"}'
    'UpdateUser users/update_password {"userName":"user_1","description":"mine"}'
    'CreatePrivilegeGroup privilege_groups/create {"privilegeGroupName":"1abc"}'
    'DropPrivilegeGroup privilege_groups/drop {"privilegeGroupName":"nothing"}'
    'ListPrivilegeGroups privilege_groups/list {}'
    'OperatePrivilegeGroup privilege_groups/add_privileges_to_group {"privilegeGroupName":"nothing","privileges":["Search"]}'
    'OperatePrivilegeGroup privilege_groups/remove_privileges_from_group {"privilegeGroupName":"nothing","privileges":["Search"]}'
)

# refused_all_but WHAT [PRIVILEGE…]: everything that needs another privilege.
refused_all_but() {
    local what="$1" allowed call privilege path body
    shift
    allowed=" $* "
    for call in "${CALLS[@]}"; do
        read -r privilege path body <<<"$call"
        case "$allowed" in
        *" $privilege "*) ;;
        *)
            post "$path" "$body" "$LIMITED"
            denied "$what: refused $path" "$privilege"
            ;;
        esac
    done
}

# by_object grant|revoke ROLE TYPE OBJECT PRIVILEGE [DATABASE [LOGIN]]
by_object() {
    post "roles/$1_privilege" "{\"roleName\":\"$2\",\"objectType\":\"$3\",\"objectName\":\"$4\",\"privilege\":\"$5\",\"dbName\":\"${6:-}\"}" "${7:-root:Milvus}"
}

# by_level grant|revoke ROLE PRIVILEGE DATABASE COLLECTION [LOGIN]
by_level() {
    post "roles/$1_privilege_v2" "{\"roleName\":\"$2\",\"privilege\":\"$3\",\"dbName\":\"$4\",\"collectionName\":\"$5\"}" "${6:-root:Milvus}"
}

describe() {
    post roles/describe "{\"roleName\":\"role_p\",\"dbName\":\"$1\"}"
}

# members add|remove GROUP MEMBERS: the members as they stand in JSON.
members() {
    local path=privilege_groups/add_privileges_to_group
    [ "$1" = add ] || path=privilege_groups/remove_privileges_from_group
    post "$path" "{\"privilegeGroupName\":\"$2\",\"privileges\":[$3]}"
}

post users/create '{"userName":"limited","password":"P@ssw0rd"}'
done_well "a limited user"
post roles/create '{"roleName":"role_p","description":"few rights"}'
done_well "and a role"
post users/grant_role '{"userName":"limited","roleName":"role_p"}'
done_well "that is bound"
refused_all_but "a role without grants"

# --- By object
LOAD=("Collection c1 default GetLoadState root" "Collection c1 default GetLoadingProgress root" "Collection c1 default Load root")
by_object grant role_p Collection c1 Load
done_well "Load is granted"
by_object grant role_p Collection c1 Load default
done_well "and again"
describe '*'
grants_are "Load brings its related ones" "${LOAD[@]}"
by_object grant role_p Global whatever CreateCollection
done_well "of type Global"
by_object grant role_p User root SelectUser '*'
done_well "of type User, in all databases"
by_object grant role_p Collection c1 '*'
done_well "any privilege"
post roles/grant_privilege '{"roleName":"role_p","objectType":"Collection","objectName":"c1","privilege":"Flush"}' root:Milvus --header "DB-Name: db1"
done_well "in the database of the header"
FLUSH=("Collection c1 db1 Flush root" "Collection c1 db1 GetFlushState root")
REST=("Collection c1 default * root" "${LOAD[@]}" "Global * default CreateCollection root" "User root * SelectUser root")
describe '*'
grants_are "roles/describe of all databases: order and fields" "${FLUSH[@]}" "${REST[@]}"
describe ''
grants_are "roles/describe of no database" "${REST[@]}"
describe db1
grants_are "roles/describe of one database" "${FLUSH[@]}" "User root * SelectUser root"
case "$BODY" in *'"description":"few rights"'*) result "and its description" yes ;; *) result "and its description" no ;; esac
post users/describe '{"userName":"root"}' "$LIMITED"
answered "SelectUser on one user: that one is shown" 200 '{"code":0,"data":["admin"],"description":""}'
post users/describe '{"userName":"user_1"}' "$LIMITED"
denied "SelectUser on one user: no other" SelectUser
for privilege in Load Load '*'; do
    by_object revoke role_p Collection c1 "$privilege"
    done_well "revoked: $privilege"
done
by_object revoke role_p Global anything CreateCollection
done_well "revoked: CreateCollection"
describe '*'
grants_are "the related ones went along" "${FLUSH[@]}" "User root * SelectUser root"
by_object revoke role_p User root SelectUser '*'
by_level revoke role_p Flush db1 c1
done_well "what was granted by object is revoked by level"
describe '*'
grants_are "nothing is left"
refused_all_but "all revoked"
by_object grant role_p Collection c1 CreateOwnership
refused "a privilege of another type" 1100 "not found the privilege name[CreateOwnership] in object[Collection]: invalid parameter"
by_object grant role_p Nope c1 Search
refused "an unknown type" 1100 "failed to operate privilege common check: the object entity in the request is nil or invalid: invalid parameter"
by_object grant role_p Global '*' ClusterAdmin
refused "a built-in group by object" 1100 "can not operate the built-in privilege group [ClusterAdmin]: invalid parameter"
by_object grant nobody Collection c1 Search
refused "an unknown role" 1100 "$NO_ROLE"
by_object revoke nobody Collection c1 Search
refused "revoking from an unknown role" 1100 "$NO_ROLE"
post roles/grant_privilege '{"roleName":"role_p","privilege":"Search"}'
refused "required fields missing: a grant" 1802 "missing required parameters, error: $(required GrantReq ObjectType)\\n$(required GrantReq ObjectName)"

# --- By level, and at cluster level
by_object grant role_p Global '*' CreateOwnership
done_well "CreateOwnership without a database"
refused_all_but "CreateOwnership in default only"
by_level grant role_p CreateOwnership '*' '*'
done_well "CreateOwnership in all databases"
post users/create '{"userName":"made_1","password":"P@ssw0rd"}' "$LIMITED"
done_well "a user is made"
refused_all_but "CreateOwnership" CreateOwnership
by_level revoke role_p CreateOwnership '*' '*'
done_well "it is revoked"
refused_all_but "revoked: on the next call"
by_object revoke role_p Global '*' CreateOwnership
by_level grant role_p SelectOwnership '*' '*'
done_well "SelectOwnership"
post users/list '{}' "$LIMITED"
answered "users are listed" 200 '{"code":0,"data":["limited","made_1","root","user_1"]}'
post roles/list '{}' "$LIMITED"
answered "roles are listed" 200 '{"code":0,"data":["admin","role_a","role_p"]}'
post roles/describe '{"roleName":"role_p","dbName":"*"}' "$LIMITED"
grants_are "a role is described" "Global * * SelectOwnership root"
refused_all_but "SelectOwnership" SelectOwnership
post roles/drop '{"roleName":"role_p"}'
refused "a role with grants is not dropped" 1100 "failed to check if drop role: fail to drop the role that it has privileges. Use REVOKE API to revoke privileges: invalid parameter"
by_level revoke role_p SelectOwnership '*' '*'
by_level grant role_p UpdateUser '*' made_1
done_well "UpdateUser"
post users/update_password '{"userName":"made_1","password":"wrong","newPassword":"NewP@ssw0rd"}' "$LIMITED"
refused "the old password is asked for" 1400 "old password not correct for made_1: not authenticated"
post users/update_password '{"userName":"made_1","newPassword":"NewP@ssw0rd"}' "$LIMITED"
refused "and may not be left out" 1400 "old password not correct for made_1: not authenticated"
post users/update_password '{"userName":"made_1","password":"P@ssw0rd","newPassword":"NewP@ssw0rd"}' "$LIMITED"
done_well "a password is set"
refused_all_but "UpdateUser on one user"
by_level revoke role_p UpdateUser '*' made_1
by_level grant role_p ClusterReadOnly '*' '*'
done_well "a group"
describe '*'
grants_are "is listed under its name" "Global * * ClusterReadOnly root"
refused_all_but "ClusterReadOnly" SelectOwnership SelectUser ListPrivilegeGroups
by_level revoke role_p ClusterReadOnly '*' '*'
refused_all_but "the group revoked"
by_level grant role_p Nope '*' '*'
refused "an unknown privilege" 1100 "not found the privilege name[Nope]: invalid parameter"
by_level grant nobody Search '*' '*'
refused "an unknown role, by level" 1100 "$NO_ROLE"
by_level grant role_p ClusterAdmin default '*'
refused "a cluster group in one database" 1100 "dbName and collectionName should be * for the cluster level privilege: ClusterAdmin: invalid parameter"
by_level grant role_p DatabaseReadOnly default c1
refused "a database group on a collection" 1100 "collectionName should be * for the database level privilege: DatabaseReadOnly: invalid parameter"
by_level grant role_p CollectionReadOnly '*' c1
refused "a collection group on a collection of all databases" 1100 "please specify database name for the collection level privilege: CollectionReadOnly: invalid parameter"
by_level grant role_p Search 1db c1
refused "a bad database name" 802 "the first character of a database name must be an underscore or letter: invalid database name[database=1db]"
by_level grant role_p Search default ''
refused "no collection" 1100 "collection name should be not empty: invalid parameter[expected=not empty][actual=]"
post roles/grant_privilege_v2 '{}'
refused "required fields missing: a grant by level" 1802 "missing required parameters, error: $(required GrantV2Req RoleName)\\n$(required GrantV2Req Privilege)"
describe '*'
grants_are "nothing of all this left a grant"

# --- Groups
CREATABLE="failed to check if privilege group creatable: privilege group name"
ALTERABLE="failed to check if privilege group alterable:"
IN_SYSTEM="is defined by built in privileges or privilege groups in system: invalid parameter"
post privilege_groups/create '{"privilegeGroupName":"pg_b","privileges":["Search"]}'
done_well "a group is made; members are not taken yet"
post privilege_groups/create '{"privilegeGroupName":"pg_a"}'
done_well "and another"
members add pg_a '"Search","Query"'
done_well "members are added"
members add pg_a '"Search"'
done_well "and again"
post privilege_groups/list '{}'
groups_are "groups and members are listed by name" "pg_a=Query,Search" "pg_b="
members remove pg_a '"Query","Insert"'
done_well "members are removed"
post privilege_groups/list '{}'
groups_are "and gone" "pg_a=Search" "pg_b="
post privilege_groups/create '{"privilegeGroupName":"pg_a"}'
refused "a group made twice" 1100 "$CREATABLE [pg_a] is defined by users: invalid parameter"
post privilege_groups/create '{"privilegeGroupName":"ClusterAdmin"}'
refused "a group named like a built-in one" 1100 "$CREATABLE [ClusterAdmin] $IN_SYSTEM"
post privilege_groups/create '{"privilegeGroupName":"1pg"}'
refused "a bad group name: first character" 1402 "1pg: invalid privilege group name[privilegeGroup=the first character of a privilege group name %s must be an underscore or letter]"
post privilege_groups/create '{"privilegeGroupName":"pg$"}'
refused "a bad group name: other character" 1100 "privilege group name pg\$ can only contain numbers, letters and underscores: invalid parameter"
post privilege_groups/create '{}'
refused "required fields missing: a group" 1802 "missing required parameters, error: $(required PrivilegeGroupReq PrivilegeGroupName)"
members add nothing '"Search"'
refused "an unknown group" 1100 "$ALTERABLE there is no privilege group name [nothing] defined in system to operate: invalid parameter"
members remove ClusterAdmin '"Expr"'
refused "a built-in group" 1100 "$ALTERABLE there is no privilege group name [ClusterAdmin] defined in system to operate: invalid parameter"
members add pg_a ''
refused "no members" 1100 "$ALTERABLE privileges is empty when alter the privilege group: invalid parameter"
post privilege_groups/add_privileges_to_group '{"privilegeGroupName":"pg_a","privileges":"Search"}'
begins "members that are no array" 200 '{"code":1801,"message":"can only accept json format request, error: '
members add pg_a '"Nope"'
refused "an unknown member" 1100 "$ALTERABLE there is no privilege name or privilege group name [Nope] defined in system to operate: invalid parameter"
members add pg_a '"CreateCollection"'
refused "members of different levels" 1100 "$ALTERABLE privileges are not the same privilege level: invalid parameter"
by_object grant role_p Collection c1 pg_a
refused "a custom group by object" 1100 "can not operate the custom privilege group [pg_a]: invalid parameter"
for group in pg_a pg_b pg_b ClusterAdmin; do
    post privilege_groups/drop "{\"privilegeGroupName\":\"$group\"}"
    done_well "$group is dropped, or there is nothing to drop"
done
post privilege_groups/list '{}'
groups_are "only the built-in ones are left"
post privilege_groups/create '{"privilegeGroupName":"pg_c"}'
members add pg_c '"SelectOwnership"'
by_level grant role_p pg_c default '*'
refused "a custom group below its level" 1100 "dbName and collectionName should be * for the cluster level privilege: pg_c: invalid parameter"
by_level grant role_p pg_c '*' '*'
done_well "a custom group is granted"
refused_all_but "a granted group" SelectOwnership
post roles/list '{}' "$LIMITED"
answered "its holder lists the roles" 200 '{"code":0,"data":["admin","role_a","role_p"]}'
members remove pg_c '"SelectOwnership"'
refused_all_but "the member removed: on the next call"
members add pg_c '"SelectOwnership"'
post roles/list '{}' "$LIMITED"
answered "added again: allowed on the next call" 200 '{"code":0,"data":["admin","role_a","role_p"]}'
post privilege_groups/drop '{"privilegeGroupName":"pg_c"}'
refused "a granted group is not dropped" 1100 "failed to check if privilege group dropable: privilege group [pg_c] is used by role [role_p], Use REVOKE API to revoke it first: invalid parameter"
by_level revoke role_p pg_c '*' '*'
refused_all_but "the group revoked: on the next call"
post privilege_groups/drop '{"privilegeGroupName":"pg_c"}'
done_well "the group is dropped"
post roles/drop '{"roleName":"role_p"}'
done_well "the role is dropped"
post users/describe '{"userName":"limited"}' "$LIMITED"
answered "with its binding" 200 '{"code":0,"data":[],"description":""}'
