"""The constructs, functions and types that a query may be made of. What does not stand here is refused by guard.py.

Functions stand twice: by the parser's class where it has one, by name where it has none. None of them reads a file, a
setting, the catalogue, a variable or the clock, none writes, and none makes many rows of few.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

NODES: Final = frozenset(
    """
    Select Union Except Intersect Subquery From Join Where Group Having Order Ordered Limit Offset Qualify Window
    WindowSpec With CTE TableAlias Table Identifier Column Star Alias Literal Boolean Null Paren Tuple Values
    Distinct Interval Var DataType DataTypeParam In Between Like ILike Escape Is Not Neg And Or Xor EQ NEQ GT GTE LT
    LTE NullSafeEQ NullSafeNEQ Add Sub Mul Div IntDiv Mod DPipe Filter WithinGroup IgnoreNulls RespectNulls Any All
    AtTimeZone GroupingSets Rollup Cube Lateral Array Bracket SimilarTo RegexpLike Anonymous AnonymousAggFunc
    """.split()
)
"""Names of the parser's classes, functions aside."""

_TYPED: Final = frozenset(
    """
    Case If Cast TryCast Exists Coalesce Nullif Greatest Least Sum Count CountIf Avg Min Max Median Mode Quantile
    PercentileCont PercentileDisc ApproxQuantile ApproxDistinct Stddev StddevSamp StddevPop Variance VariancePop
    Corr CovarPop CovarSamp ArgMax ArgMin AnyValue First Last ArrayAgg GroupConcat LogicalAnd LogicalOr
    BitwiseAndAgg BitwiseOrAgg RegrSlope RegrIntercept RegrR2 RegrCount RegrAvgx RegrAvgy Skewness Kurtosis
    RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue Abs Round Ceil Floor
    Trunc Sqrt Cbrt Pow Exp Ln Log Sign Upper Lower Trim Length Substring Concat ConcatWs Replace Left Right
    StartsWith EndsWith Contains StrPosition SplitPart Initcap Reverse RegexpReplace RegexpExtract Ascii Chr Extract
    DateTrunc TimestampTrunc DateDiff DatetimeDiff TimestampDiff DateAdd DateSub LastDay Year Quarter Month Week
    WeekOfYear Day DayOfMonth DayOfWeek DayOfWeekIso DayOfYear YearOfWeek YearOfWeekIso Hour Minute Second TimeToStr
    StrToTime StrToDate CurrentDate Dayname Monthname DateFromParts TsOrDsToDate TsOrDsAdd TsOrDsDiff
    JarowinklerSimilarity Levenshtein TimeToUnix UnixToTime DateBin ToDays IsNan IsInf ArraySize Grouping
    """.split()
)

_PLAIN: Final = frozenset(
    """
    last_day strftime strptime epoch contains quantile_cont quantile_disc list_aggregate prefix suffix date_part
    datepart date_diff datediff date_sub datesub dayname monthname yearweek isoyear century decade era make_date
    fdiv fmod even product geomean geometric_mean kahan_sum fsum favg sumkahan sem entropy mad kurtosis skewness
    kurtosis_pop regr_slope regr_intercept regr_r2 regr_count regr_avgx regr_avgy regr_sxx regr_sxy regr_syy
    isfinite isnan strip_accents list_sum list_max list_min list_avg len array_length list_contains count_star
    bool_and bool_or first last any_value arg_max arg_min max_by min_by cume_dist fill grouping grouping_id to_days
    to_months to_years month_name day_name trunc julian levenshtein jaccard jaro_winkler_similarity nullif ifnull
    """.split()
)

FUNCTIONS: Final = _TYPED | _PLAIN
"""Class names (capitalised) and plain names (lower case) of the functions that may be called."""

TYPES: Final = frozenset(
    getattr(exp.DType, name)
    for name in """
    TINYINT SMALLINT INT BIGINT INT128 UTINYINT USMALLINT UINT UBIGINT UINT128 DECIMAL FLOAT DOUBLE BOOLEAN VARCHAR
    TEXT CHAR DATE TIME TIMESTAMP TIMESTAMPTZ TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS INTERVAL
    """.split()
)
"""What may be cast to."""

TABLE_ARGUMENTS: Final = frozenset({"this", "alias", "joins", "laterals"})
"""What a table in FROM may carry: no samples, no time travel, no pivots, no options."""
