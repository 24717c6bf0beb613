import './elementwise';
import './matmul';
import './reduce';
import './shape';
import './fused';
import './conv';
import './pool';
import './own';
