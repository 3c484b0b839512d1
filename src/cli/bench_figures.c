/* bench_figures.c: what many measurements of one thing come to. */
#include <stdlib.h>

#include "cli/bench.h"

double rf_bench_rate(uint64_t bytes, uint64_t nanoseconds)
{
    return nanoseconds ? (double)bytes / (double)nanoseconds : 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

rf_bench_figures rf_bench_summarise(double *values, size_t n)
{
    qsort(values, n, sizeof(values[0]), compare);
    return (rf_bench_figures){.median = (values[(n - 1) / 2] + values[n / 2]) / 2,
                              .least = values[0],
                              .most = values[n - 1]};
}

rf_bench_figures rf_bench_loads_figures(const rf_bench_loads *loads, rf_bench_figure of)
{
    double values[RF_BENCH_MAX_REPEAT];
    for (size_t i = 0; i < loads->count; i++)
        values[i] = of(&loads->runs[i]);
    return rf_bench_summarise(values, loads->count);
}

rf_bench_figures rf_bench_reading_figures(const rf_bench_reading *reading)
{
    double values[RF_BENCH_MAX_REPEAT];
    for (size_t i = 0; i < reading->count; i++)
        values[i] = rf_bench_rate(reading->runs[i].bytes, reading->runs[i].nanoseconds);
    return rf_bench_summarise(values, reading->count);
}

size_t rf_bench_best_kind(const rf_bench_ceilings *ceilings)
{
    size_t best = 0; /* buffered: to be had everywhere */
    double most = 0;
    for (size_t i = 0; i < RF_BENCH_KINDS; i++) {
        const rf_bench_reading *reading = &ceilings->kinds[i];
        double median = reading->count ? rf_bench_reading_figures(reading).median : 0;
        if (median > most) {
            best = i;
            most = median;
        }
    }
    return best;
}
