"""The report: verdict, figures, pages, and the comparison of two reports."""
