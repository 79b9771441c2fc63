"""Which nodes PostgreSQL 15 to 18 write into a query's tree, with which fields: the one table of what differs.

From primnodes.h and parsenodes.h of each major version (`queryId` is not written). A minor release never changes
them, since stored views and rules are written so too. `name@16-` came with 16, `name@-16` was last in 16. A node or
field that is not here makes a tree unattestable, and so does one that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pgmaskproxy.sql.attest.refusal import Unattestable

MAJORS: Final = (15, 16, 17, 18)

_TABLE: Final = """
QUERY: commandType querySource canSetTag utilityStmt resultRelation hasAggs hasWindowFuncs hasTargetSRFs hasSubLinks
    hasDistinctOn hasRecursive hasModifyingCTE hasForUpdate hasRowSecurity isReturn cteList rtable jointree
    mergeActionList mergeUseOuterJoin@-16 targetList override onConflict returningList groupClause groupDistinct
    groupingSets havingQual windowClause distinctClause sortClause limitOffset limitCount limitOption rowMarks
    setOperations constraintDeps withCheckOptions stmt_location stmt_len rteperminfos@16- hasGroupRTE@18-
    mergeTargetRelation@17- mergeJoinCondition@17- returningOldAlias@18- returningNewAlias@18-
TARGETENTRY: expr resno resname ressortgroupref resorigtbl resorigcol resjunk
RANGETBLENTRY: rtekind relid relkind rellockmode tablesample subquery security_barrier jointype joinmergedcols
    joinaliasvars joinleftcols joinrightcols join_using_alias functions funcordinality tablefunc values_lists
    ctename ctelevelsup self_reference coltypes coltypmods colcollations enrname enrtuples alias eref lateral inh
    inFromCl requiredPerms@-15 checkAsUser@-15 selectedCols@-15 insertedCols@-15 updatedCols@-15
    extraUpdatedCols@-15 securityQuals perminfoindex@16- groupexprs@18-
RTEPERMISSIONINFO@16-: relid inh requiredPerms checkAsUser selectedCols insertedCols updatedCols
RANGETBLFUNCTION: funcexpr funccolcount funccolnames funccoltypes funccoltypmods funccolcollations funcparams
TABLESAMPLECLAUSE: tsmhandler args repeatable
WITHCHECKOPTION: kind relname polname qual cascaded
SORTGROUPCLAUSE: tleSortGroupRef eqop sortop nulls_first hashable reverse_sort@18-
GROUPINGSET: kind content location
WINDOWCLAUSE: name refname partitionClause orderClause frameOptions startOffset endOffset runCondition@-16
    startInRangeFunc endInRangeFunc inRangeColl inRangeAsc inRangeNullsFirst winref copiedOrder
ROWMARKCLAUSE: rti strength waitPolicy pushedDown
CTESEARCHCLAUSE: search_col_list search_breadth_first search_seq_column location
CTECYCLECLAUSE: cycle_col_list cycle_mark_column cycle_mark_value cycle_mark_default cycle_path_column location
    cycle_mark_type cycle_mark_typmod cycle_mark_collation cycle_mark_neop
COMMONTABLEEXPR: ctename aliascolnames ctematerialized ctequery search_clause cycle_clause location cterecursive
    cterefcount ctecolnames ctecoltypes ctecoltypmods ctecolcollations
MERGEACTION: matched@-16 commandType override qual targetList updateColnos matchKind@17-
SETOPERATIONSTMT: op all larg rarg colTypes colTypmods colCollations groupClauses
ALIAS: aliasname colnames
RANGETBLREF: rtindex
JOINEXPR: jointype isNatural larg rarg usingClause join_using_alias quals alias rtindex
FROMEXPR: fromlist quals
ONCONFLICTEXPR: action arbiterElems arbiterWhere constraint onConflictSet onConflictWhere exclRelIndex exclRelTlist
TABLEFUNC: ns_uris ns_names docexpr rowexpr colnames coltypes coltypmods colcollations colexprs coldefexprs notnulls
    ordinalitycol location functype@17- colvalexprs@17- passingvalexprs@17- plan@17-
VAR: varno varattno vartype vartypmod varcollid varlevelsup varnosyn varattnosyn location varnullingrels@16-
    varreturningtype@18-
CONST: consttype consttypmod constcollid constlen constvalue constisnull constbyval location
PARAM: paramkind paramid paramtype paramtypmod paramcollid location
AGGREF: aggfnoid aggtype aggcollid inputcollid aggtranstype aggargtypes aggdirectargs args aggorder aggdistinct
    aggfilter aggstar aggvariadic aggkind agglevelsup aggsplit aggno aggtransno location aggpresorted@16-
GROUPINGFUNC: args refs cols agglevelsup location
WINDOWFUNC: winfnoid wintype wincollid inputcollid args aggfilter winref winstar winagg location runCondition@17-
MERGESUPPORTFUNC@17-: msftype msfcollid location
SUBSCRIPTINGREF: refcontainertype refelemtype refrestype reftypmod refcollid refupperindexpr reflowerindexpr refexpr
    refassgnexpr
FUNCEXPR: funcid funcresulttype funcretset funcvariadic funcformat funccollid inputcollid args location
NAMEDARGEXPR: arg name argnumber location
OPEXPR: opno opfuncid opresulttype opretset opcollid inputcollid args location
DISTINCTEXPR: opno opfuncid opresulttype opretset opcollid inputcollid args location
NULLIFEXPR: opno opfuncid opresulttype opretset opcollid inputcollid args location
SCALARARRAYOPEXPR: opno opfuncid hashfuncid negfuncid useOr inputcollid args location
BOOLEXPR: boolop args location
SUBLINK: subLinkType subLinkId testexpr operName subselect location
FIELDSELECT: arg fieldnum resulttype resulttypmod resultcollid
FIELDSTORE: arg newvals fieldnums resulttype
RELABELTYPE: arg resulttype resulttypmod resultcollid relabelformat location
COERCEVIAIO: arg resulttype resultcollid coerceformat location
ARRAYCOERCEEXPR: arg elemexpr resulttype resulttypmod resultcollid coerceformat location
CONVERTROWTYPEEXPR: arg resulttype convertformat location
COLLATEEXPR: arg collOid location
CASEEXPR: casetype casecollid arg args defresult location
CASEWHEN: expr result location
CASETESTEXPR: typeId typeMod collation
ARRAYEXPR: array_typeid array_collid element_typeid elements multidims location list_start@18- list_end@18-
ROWEXPR: args row_typeid row_format colnames location
ROWCOMPAREEXPR: rctype@-17 opnos opfamilies inputcollids largs rargs cmptype@18-
COALESCEEXPR: coalescetype coalescecollid args location
MINMAXEXPR: minmaxtype minmaxcollid inputcollid op args location
SQLVALUEFUNCTION: op type typmod location
XMLEXPR: op name named_args arg_names args xmloption type typmod location indent@16-
JSONFORMAT@16-: format_type encoding location
JSONRETURNING@16-: format typid typmod
JSONVALUEEXPR@16-: raw_expr formatted_expr format
JSONCONSTRUCTOREXPR@16-: type args func coercion returning absent_on_null unique location
JSONISPREDICATE@16-: expr format item_type unique_keys location
JSONBEHAVIOR@17-: btype expr coerce location
JSONEXPR@17-: op column_name formatted_expr format path_spec returning passing_names passing_values on_empty
    on_error use_io_coercion use_json_coercion wrapper omit_quotes collation location
JSONTABLEPATH@17-: value name
JSONTABLEPATHSCAN@17-: path errorOnError child colMin colMax
JSONTABLESIBLINGJOIN@17-: lplan rplan
NULLTEST: arg nulltesttype argisrow location
BOOLEANTEST: arg booltesttype location
COERCETODOMAIN: arg resulttype resulttypmod resultcollid coercionformat location
COERCETODOMAINVALUE: typeId typeMod collation location
SETTODEFAULT: typeId typeMod collation location
CURRENTOFEXPR: cvarno cursor_name cursor_param
NEXTVALUEEXPR: seqid typeId
INFERENCEELEM: expr infercollid inferopclass
RETURNINGEXPR@18-: retlevelsup retold retexpr
"""

OPTIONAL: Final = frozenset({"RANGETBLENTRY"})
"""Nodes that are written without the fields that their kind has no use for."""

EQUALITY: Final = frozenset(
    {
        15, 91, 92, 93, 94, 96, 98, 254, 260, 352, 385, 387, 410, 416, 532, 533, 607, 620, 649, 670, 900, 974, 1054,
        1070, 1093, 1108, 1120, 1130, 1201, 1220, 1320, 1330, 1550, 1752, 1784, 1804, 1862, 1868, 1955, 2060, 2347,
        2360, 2373, 2386, 2536, 2542, 2860, 2972, 2988, 3222, 3240, 3362, 3516, 3629, 3676, 3882, 5068,
    }
)  # fmt: skip
"""OIDs of pg_catalog's `=` that merge or hash joins know: the same in all of MAJORS. Others only look like equality."""

COUNT: Final = 2147
"""pg_proc.oid of count("any"), in all of MAJORS."""

POPULATES: Final = frozenset({3209, 3475, 3960, 3961, 6338})
"""pg_proc.oid of json(b)_populate_record(set) and _valid, in all of MAJORS: they make values of their result's type out
of text, so that its input functions and constraints run."""

_SPAN: Final = re.compile(r"^(\w+)(?:@(\d+)?-(\d+)?)?$")


def _of(word: str, major: int) -> str:
    """The name in a word of the table, '' when `major` does not have it."""
    found = _SPAN.match(word)
    assert found is not None, word
    name, since, until = found.groups()
    return name if int(since or major) <= major <= int(until or major) else ""


def _fields(major: int) -> Mapping[str, frozenset[str]]:
    nodes: dict[str, frozenset[str]] = {}
    for line in _TABLE.strip().replace("\n    ", " ").splitlines():
        label, _, words = line.partition(": ")
        if _of(label, major):
            nodes[_of(label, major)] = frozenset(name for word in words.split() if (name := _of(word, major)))
    return MappingProxyType(nodes)


_FIELDS: Final[Mapping[int, Mapping[str, frozenset[str]]]] = MappingProxyType(
    {major: _fields(major) for major in MAJORS}
)


def fields_of(major: int) -> Mapping[str, frozenset[str]]:
    """Every node's fields by label. Raises Unattestable for a major version that is not known."""
    if major not in _FIELDS:
        raise Unattestable(f"trees of PostgreSQL {major} are not known to this version")
    return _FIELDS[major]
