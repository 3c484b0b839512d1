/* bench_figures.h: what many measurements of one thing come to, for all of rocmforge bench. */
#ifndef RF_CLI_BENCH_FIGURES_H
#define RF_CLI_BENCH_FIGURES_H

#include <stddef.h>

typedef struct rf_bench_figures {
    double median;
    double least;
    double most;
} rf_bench_figures;

/* Sorts the values, of which there is one at least. */
rf_bench_figures rf_bench_summarise(double *values, size_t n);

#endif
