# Read by CMake while it builds llama-cpp-python (scripts/_environment.py): llama.cpp's own project,
# without the common code of its tools, which the Python package does not use.
set(LLAMA_BUILD_COMMON OFF)
