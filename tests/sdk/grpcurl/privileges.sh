# Grants of both kinds, groups, backup and restore in the messages' own fields, and
# the fields that no generated client leaves out; on the server that suite has
# left, where only root and admin are. Sourced by suite.

LIMITED="limited:P@ssw0rd"
NO_ROLE='failed to operate privilege common check: the role \"nobody\" does not exist: invalid parameter'

# denied WHAT PRIVILEGE
denied() {
    rejected "$1" PermissionDenied "Privilege$2: permission deny to limited in the \`*\` database"
}

# by_object Grant|Revoke TYPE OBJECT PRIVILEGE [DATABASE [ROLE]]
by_object() {
    call OperatePrivilege "{\"entity\":{\"role\":{\"name\":\"${6:-role_p}\"},\"object\":{\"name\":\"$2\"},\"object_name\":\"$3\",\"grantor\":{\"privilege\":{\"name\":\"$4\"}},\"db_name\":\"${5:-}\"},\"type\":\"$1\"}"
}

# by_level Grant|Revoke PRIVILEGE DATABASE COLLECTION [ROLE]
by_level() {
    call OperatePrivilegeV2 "{\"role\":{\"name\":\"${5:-role_p}\"},\"grantor\":{\"privilege\":{\"name\":\"$2\"}},\"type\":\"$1\",\"db_name\":\"$3\",\"collection_name\":\"$4\"}"
}

# entity TYPE OBJECT PRIVILEGE DATABASE: a grant of root's to role_p, as SelectGrant prints it.
entity() {
    printf '{"role":{"name":"role_p"},"object":{"name":"%s"},"object_name":"%s","grantor":{"user":{"name":"root"},"privilege":{"name":"%s"}},"db_name":"%s"}' "$1" "$2" "$3" "$4"
}

grants() {
    call SelectGrant "{\"entity\":{\"role\":{\"name\":\"role_p\"},\"db_name\":\"$1\"}}" "${2:-$ROOT}"
}

# members Add|Remove GROUP MEMBER
members() {
    local type=AddPrivilegesToGroup
    [ "$1" = Add ] || type=RemovePrivilegesFromGroup
    call OperatePrivilegeGroup "{\"group_name\":\"$2\",\"privileges\":[{\"name\":\"$3\"}],\"type\":\"$type\"}"
}

call CreateCredential "{\"username\":\"limited\",\"password\":\"$(base64_of 'P@ssw0rd')\"}"
answered "a limited user" '{}'
call CreateRole '{"entity":{"name":"role_p"}}'
answered "and a role" '{}'
call OperateUserRole '{"username":"limited","role_name":"role_p"}'
answered "that is bound" '{}'

# --- By object
LOAD="$(entity Collection c1 GetLoadState default),$(entity Collection c1 GetLoadingProgress default),$(entity Collection c1 Load default)"
by_object Grant Collection c1 Load
answered "Load is granted" '{}'
by_object Grant Collection c1 Load
answered "and again" '{}'
by_object Grant Global whatever CreateCollection
answered "of type Global" '{}'
by_object Grant User root SelectUser '*'
answered "of type User, in all databases" '{}'
by_object Grant Collection c1 Flush db1
answered "in another database" '{}'
FLUSH="$(entity Collection c1 Flush db1),$(entity Collection c1 GetFlushState db1)"
REST="$LOAD,$(entity Global '*' CreateCollection default),$(entity User root SelectUser '*')"
grants '*'
answered "SelectGrant of all databases: order and fields" "{\"status\":{},\"entities\":[$FLUSH,$REST]}"
grants ''
answered "SelectGrant of no database" "{\"status\":{},\"entities\":[$REST]}"
grants db1
answered "SelectGrant of one database" "{\"status\":{},\"entities\":[$FLUSH,$(entity User root SelectUser '*')]}"
grants '*' "$LIMITED"
answered "one's own role" "{\"status\":{},\"entities\":[$FLUSH,$REST]}"
call SelectGrant '{"entity":{"role":{"name":"admin"}}}' "$LIMITED"
denied "another role" SelectOwnership
call SelectGrant '{"entity":{"role":{"name":"role_p"},"object":{"name":"User"},"object_name":"root"}}'
answered "SelectGrant of one object" "{\"status\":{},\"entities\":[$(entity User root SelectUser '*')]}"
call SelectGrant '{"entity":{"role":{"name":"role_p"},"object":{"name":"Nope"},"object_name":"c1"}}'
refused "SelectGrant of an unknown type" SelectGrantFailure 1100 "not found the object type[name: Nope], supported the object types: [Collection Global User]: invalid parameter"
call SelectUser '{"user":{"name":"root"}}' "$LIMITED"
answered "SelectUser on one user" '{"status":{},"results":[{"user":{"name":"root"}}]}'
call SelectUser '{}' "$LIMITED"
denied "SelectUser on one user: not on all" SelectUser
by_object Revoke Collection c1 Load
by_object Revoke Collection c1 Flush db1
by_object Revoke Global anything CreateCollection
by_object Revoke User root SelectUser '*'
answered "revoked" '{}'
by_object Revoke User root SelectUser '*'
answered "and again" '{}'
grants '*'
answered "the related ones went along" '{"status":{}}'

# --- What is missing in a request
call OperatePrivilege '{}'
refused "no entity" IllegalArgument 1100 "the entity in the request is nil: invalid parameter"
call OperatePrivilege '{"entity":{}}'
refused "no grantor" IllegalArgument 1100 "the grantor entity in the grant entity is nil: invalid parameter"
call OperatePrivilege '{"entity":{"grantor":{}}}'
refused "no privilege" IllegalArgument 1100 "the privilege entity in the grantor entity is nil: invalid parameter"
call OperatePrivilege '{"entity":{"grantor":{"privilege":{"name":"Load"}}}}'
refused "no object" IllegalArgument 1100 "the resource entity in the grant entity is nil: invalid parameter"
call OperatePrivilege '{"entity":{"grantor":{"privilege":{"name":"Load"}},"object":{"name":"Collection"},"object_name":"c1"}}'
refused "no role" IllegalArgument 1100 "the object entity in the grant entity is nil: invalid parameter"
call OperatePrivilegeV2 '{}'
refused "no role, by level" IllegalArgument 1100 "the role in the request is nil: invalid parameter"
call OperatePrivilegeV2 '{"role":{"name":"role_p"},"collection_name":"*"}'
contains "no grantor, by level" '"code": 1100,'
call SelectGrant '{}'
refused "SelectGrant of nothing" IllegalArgument 1100 "the grant entity in the request is nil: invalid parameter"
call SelectGrant '{"entity":{}}'
refused "SelectGrant of no role" IllegalArgument 1100 "the role entity in the grant entity is nil: invalid parameter"
by_object Grant Collection c1 CreateOwnership
refused "a privilege of another type" OperatePrivilegeFailure 1100 "not found the privilege name[CreateOwnership] in object[Collection]: invalid parameter"
by_object Grant Collection c1 Load '' nobody
refused "an unknown role" OperatePrivilegeFailure 1100 "$NO_ROLE"
by_object Grant Global '*' ClusterAdmin
refused "a built-in group by object" OperatePrivilegeFailure 1100 "can not operate the built-in privilege group [ClusterAdmin]: invalid parameter"
by_level Grant Nope '*' '*'
refused "an unknown privilege" OperatePrivilegeFailure 1100 "not found the privilege name[Nope]: invalid parameter"
contains "the detail is the reason, and the input is to blame" \
    '"detail": "not found the privilege name[Nope]: invalid parameter"' '"extra_info": {"is_input_error": "true"}'
by_level Grant ClusterAdmin default '*'
refused "a cluster group in one database" OperatePrivilegeFailure 1100 "dbName and collectionName should be * for the cluster level privilege: ClusterAdmin: invalid parameter"
by_level Grant Search 1db c1
refused "a bad database name" UnexpectedError 802 "the first character of a database name must be an underscore or letter: invalid database name[database=1db]"

# --- At cluster level
by_object Grant Global '*' CreateOwnership
call CreateRole '{"entity":{"name":"made_r"}}' "$LIMITED"
denied "CreateOwnership in default gives nothing" CreateOwnership
by_level Grant CreateOwnership '*' '*'
call CreateRole '{"entity":{"name":"made_r"}}' "$LIMITED"
answered "CreateOwnership in all databases" '{}'
call ListCredUsers '{}' "$LIMITED"
denied "and nothing else: ListCredUsers" SelectOwnership
call DropRole '{"role_name":"made_r","force_drop":true}' "$LIMITED"
denied "and nothing else: DropRole by force" DropOwnership
call OperateUserRole '{"username":"limited","role_name":"admin"}' "$LIMITED"
denied "and nothing else: OperateUserRole" ManageOwnership
call BackupRBAC '{}' "$LIMITED"
denied "and nothing else: BackupRBAC" BackupRBAC
call RestoreRBAC '{}' "$LIMITED"
denied "and nothing else: RestoreRBAC" RestoreRBAC
by_level Revoke CreateOwnership '*' '*'
call CreateRole '{"entity":{"name":"made_s"}}' "$LIMITED"
denied "revoked: on the next call" CreateOwnership
by_object Revoke Global '*' CreateOwnership
call DropRole '{"role_name":"made_r"}'
answered "the role made is dropped" '{}'
call DescribeDatabase '{"db_name":"default"}' "$LIMITED"
rejected "one database: refused before" PermissionDenied "PrivilegeDescribeDatabase: permission deny to limited in the \`default\` database"
by_level Grant DatabaseReadOnly default '*'
call DescribeDatabase '{}' "$LIMITED"
contains "one database: allowed" '"db_name": "default"'
by_level Revoke DatabaseReadOnly default '*'
call DescribeDatabase '{}' "$LIMITED"
rejected "one database: refused after" PermissionDenied "PrivilegeDescribeDatabase: permission deny to limited in the \`default\` database"

# --- Groups
ALTERABLE="failed to check if privilege group alterable:"
call CreatePrivilegeGroup '{"group_name":"pg_c"}'
answered "a group is made" '{}'
members Add pg_c SelectOwnership
answered "a member is added" '{}'
call ListPrivilegeGroups '{}'
contains "it is listed first" '{"status":{},"privilege_groups":[{"group_name":"pg_c","privileges":[{"name":"SelectOwnership"}]},{"group_name":"ClusterReadOnly",'
call CreatePrivilegeGroup '{"group_name":"pg_c"}'
refused "a group made twice" CreatePrivilegeGroupFailure 1100 "failed to check if privilege group creatable: privilege group name [pg_c] is defined by users: invalid parameter"
call CreatePrivilegeGroup '{}'
refused "a group without a name" UnexpectedError 1402 "invalid privilege group name[privilegeGroup=privilege group name should not be empty]"
call OperatePrivilegeGroup '{"group_name":"pg_c"}'
refused "no members" OperatePrivilegeGroupFailure 1100 "$ALTERABLE privileges is empty when alter the privilege group: invalid parameter"
members Add pg_c Search
refused "members of different levels" OperatePrivilegeGroupFailure 1100 "$ALTERABLE privileges are not the same privilege level: invalid parameter"
members Add pg_c Nope
refused "an unknown member" OperatePrivilegeGroupFailure 1100 "$ALTERABLE there is no privilege name or privilege group name [Nope] defined in system to operate: invalid parameter"
by_level Grant pg_c '*' '*'
answered "it is granted" '{}'
call ListCredUsers '{}' "$LIMITED"
answered "its holder lists the users" '{"status":{},"usernames":["limited","root"]}'
members Remove pg_c SelectOwnership
call ListCredUsers '{}' "$LIMITED"
denied "the member removed: on the next call" SelectOwnership
members Add pg_c SelectOwnership
call ListCredUsers '{}' "$LIMITED"
answered "the member added: on the next call" '{"status":{},"usernames":["limited","root"]}'
call DropPrivilegeGroup '{"group_name":"pg_c"}'
refused "a granted group is not dropped" DropPrivilegeGroupFailure 1100 "failed to check if privilege group dropable: privilege group [pg_c] is used by role [role_p], Use REVOKE API to revoke it first: invalid parameter"

# --- Backup and restore
call BackupRBAC '{}'
contains "the backup: users without root, with a bcrypt hash" '"RBAC_meta":{"users":[{"user":"limited","password":"$2a$10$' '"roles":[{"name":"role_p"}]}],'
contains "the backup: roles, grants and groups" \
    "\"roles\":[{\"name\":\"role_p\"}],\"grants\":[$(entity Global '*' pg_c '*')],\"privilege_groups\":[{\"group_name\":\"pg_c\",\"privileges\":[{\"name\":\"SelectOwnership\"}]}]}}"
BACKUP="$OUTPUT"
META="${BACKUP#\{\"status\":\{\},}"
call RestoreRBAC "{$META"
refused "restoring over what is there" OperatePrivilegeFailure 1100 "failed to check if rbac restorable: role [role_p] already exists: invalid parameter"
call DropRole '{"role_name":"role_p"}'
refused "a role with grants is not dropped" DropRoleFailure 1100 "failed to check if drop role: fail to drop the role that it has privileges. Use REVOKE API to revoke privileges: invalid parameter"
call DropRole '{"role_name":"role_p","force_drop":true}'
answered "but by force" '{}'
call ListCredUsers '{}' "$LIMITED"
denied "its rights go with it" SelectOwnership
call DropPrivilegeGroup '{"group_name":"pg_c"}'
answered "the group is dropped" '{}'
call DeleteCredential '{"username":"limited"}'
answered "and the user" '{}'
call BackupRBAC '{}'
answered "an empty backup" '{"status":{},"RBAC_meta":{}}'
call RestoreRBAC '{}'
answered "restoring nothing" '{}'
call RestoreRBAC "{$META"
answered "restoring" '{}'
call BackupRBAC '{}'
answered "the next backup is the same" "$BACKUP"
call ListCredUsers '{}' "$LIMITED"
answered "a restored user logs in and has his rights" '{"status":{},"usernames":["limited","root"]}'
call CreateRole '{"entity":{"name":"made_r"}}' "$LIMITED"
denied "and no others" CreateOwnership
by_level Revoke pg_c '*' '*'
call DropRole '{"role_name":"role_p"}'
answered "the role is dropped" '{}'
call DropPrivilegeGroup '{"group_name":"pg_c"}'
call DeleteCredential '{"username":"limited"}'
call BackupRBAC '{}'
answered "nothing is left" '{"status":{},"RBAC_meta":{}}'
